"""Stopping: cancel and interrupt, by run, job and thread."""

import pytest

from runs.models import Job, Run
from tests.api.conftest import JsonClient
from tests.api.native_stream import ECHO, calling, new_thread, run_to_end, submit
from tests.api.rows import run, thread
from tests.api.tools import echo_tool, waiting_tool
from tests.engine_fixture import Engine
from threads.content import text_of


@pytest.fixture
def slow(engine: Engine) -> str:
    """An agent that holds its thread until the test ends or it is stopped."""
    engine.tool(waiting_tool(engine.gate()))
    return engine.agent("slow", calling("wait"), tools=["wait"])


@pytest.fixture
def busy(engine: Engine, api: JsonClient, slow: str) -> tuple[str, str]:
    """(thread id, run id) of a run that a worker executes."""
    thread_id = new_thread(api)
    run_id = submit(api, thread_id, slow)["run_id"]
    engine.running(run_id)
    return thread_id, run_id


def job_of(run_id: str) -> Job:
    return Job.objects.get(run_id=run_id)


# --- cancel ----------------------------------------------------------------------------------


def test_it_cancels_a_running_run(engine: Engine, api: JsonClient, busy: tuple[str, str]) -> None:
    _, run_id = busy
    answer = api.post(f"/v1/runs/{run_id}/cancel")
    assert answer.status_code == 202
    assert answer.json() == {"status": "cancel_requested", "run_id": run_id}
    assert engine.finished(run_id).termination_code == "cancelled"
    assert job_of(run_id).state == "Accepted"


def test_it_cancels_the_active_run_of_a_thread_and_lets_the_queue_go_on(
    engine: Engine, api: JsonClient, busy: tuple[str, str]
) -> None:
    thread_id, run_id = busy
    engine.agent("echo", ECHO)
    queued = submit(api, thread_id, "echo")
    answer = api.post(f"/v1/threads/{thread_id}/cancel", {"ignored": 1})
    assert answer.json() == {"status": "cancel_requested", "thread_id": thread_id}
    assert engine.finished(run_id).termination_code == "cancelled"
    assert engine.finished(queued["run_id"]).termination_code == "natural"


def test_it_cancels_a_queued_run(
    engine: Engine, api: JsonClient, slow: str, busy: tuple[str, str]
) -> None:
    queued = submit(api, busy[0], slow)
    assert api.post(f"/v1/runs/{queued['run_id']}/cancel").status_code == 202
    record = api.get(f"/v1/runs/{queued['run_id']}").json()
    assert (record["status"], record["termination_code"]) == ("done", "cancelled")
    assert job_of(queued["run_id"]).state == "Cancelled"


def test_it_cancels_by_job_id(
    engine: Engine, api: JsonClient, slow: str, busy: tuple[str, str]
) -> None:
    queued = submit(api, busy[0], slow)
    assert api.post(f"/v1/threads/{queued['job_id']}/cancel").status_code == 202
    assert job_of(queued["run_id"]).state == "Cancelled"


def test_it_cancels_a_waiting_run(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool, needs_approval=True)
    engine.agent("asker", calling("echo_tool"), tools=[echo_tool])
    run_id = run_to_end(api, "asker").headers["x-run-id"]
    assert api.post(f"/v1/runs/{run_id}/cancel").status_code == 202
    record = api.get(f"/v1/runs/{run_id}").json()
    assert (record["status"], record["termination_code"]) == ("done", "cancelled")
    assert record["waiting"] is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/runs/nothing/cancel", "run not found: nothing"),
        ("/v1/threads/nothing/cancel", "thread not found: nothing"),
        ("/v1/threads/idle/cancel", "thread not found: idle"),
        ("/v1/threads/nothing/interrupt", "thread not found: nothing"),
        ("/v1/threads/idle/interrupt", "thread not found: idle"),
    ],
)
def test_it_answers_404_when_there_is_nothing_to_stop(
    api: JsonClient, path: str, error: str
) -> None:
    thread("idle")
    answer = api.post(path)
    assert (answer.status_code, answer.json()["error"]) == (404, error)


@pytest.mark.django_db
def test_it_answers_404_to_the_cancellation_of_a_finished_run(api: JsonClient) -> None:
    done = run(thread())
    assert api.post(f"/v1/runs/{done.pk}/cancel").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["cancel", "interrupt"])
def test_it_does_not_stop_what_the_caller_cannot_see(bound: JsonClient, verb: str) -> None:
    owner = thread("theirs", resource_id="other")
    theirs = run(owner, status="created")
    assert bound.post(f"/v1/threads/theirs/{verb}").status_code == 404
    assert bound.post(f"/v1/runs/{theirs.pk}/cancel").status_code == 404
    assert Run.objects.get(pk=theirs.pk).status == "created"


# --- interrupt -------------------------------------------------------------------------------


def test_it_empties_the_queue_and_stops_the_run(
    engine: Engine, api: JsonClient, slow: str, busy: tuple[str, str]
) -> None:
    thread_id, run_id = busy
    queued = [submit(api, thread_id, slow) for _ in range(2)]
    answer = api.post(f"/v1/threads/{thread_id}/interrupt")
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "interrupt_requested",
        "thread_id": thread_id,
        "superseded_jobs": 2,
        "superseded_dispatches": 2,
    }
    assert engine.finished(run_id).termination_code == "cancelled"
    assert {job_of(each["run_id"]).state for each in queued} == {"Superseded"}


def test_it_keeps_the_messages_of_superseded_jobs(
    engine: Engine, api: JsonClient, slow: str, busy: tuple[str, str]
) -> None:
    thread_id, _ = busy
    submit(api, thread_id, slow, "keep me")
    api.post(f"/v1/threads/{thread_id}/interrupt")
    messages = api.get(f"/v1/threads/{thread_id}/messages").json()["messages"]
    assert "keep me" in [text_of(message["content"]) for message in messages]


def test_it_counts_only_queued_jobs(engine: Engine, api: JsonClient, busy: tuple[str, str]) -> None:
    answer = api.post(f"/v1/threads/{busy[0]}/interrupt").json()
    assert answer["superseded_jobs"] == 0
