"""Decisions over HTTP, by run and by thread, one and several."""

from collections.abc import Iterator
from typing import Any

import pytest

from runs.models import Run
from tests.api.conftest import JsonClient
from tests.api.native_stream import calling, events, kinds, run_to_end
from tests.api.rows import call, run, thread
from tests.api.tools import echo_tool
from tests.engine_fixture import Engine


@pytest.fixture
def asker(engine: Engine) -> str:
    """An agent whose two calls both need an approval."""
    engine.tool(echo_tool, needs_approval=True)
    return engine.agent("asker", calling("echo_tool", "c1", "c2"), tools=[echo_tool])


@pytest.fixture
def waiting(api: JsonClient, asker: str) -> str:
    """The id of a run that waits on thread ``t`` for decisions on ``c1`` and ``c2``."""
    run_id: str = run_to_end(api, asker, threadId="t").headers["x-run-id"]
    return run_id


def decide(api: JsonClient, path: str, call_id: str = "c1", **body: Any) -> Any:
    return api.post(f"/v1/{path}/decision", {"toolCallId": call_id, "action": "resume", **body})


def statuses(api: JsonClient, run_id: str) -> dict[str, str]:
    record = api.get(f"/v1/runs/{run_id}").json()
    calls = record["state"]["extensions"]["__runtime.tool_call_states"]["calls"]
    return {call_id: state["status"] for call_id, state in calls.items()}


def test_it_resumes_the_run_when_everything_is_decided(
    engine: Engine, api: JsonClient, waiting: str
) -> None:
    first = decide(api, f"runs/{waiting}", "c1")
    assert first.status_code == 202
    assert first.json() == {
        "status": "decision_submitted",
        "run_id": waiting,
        "tool_call_id": "c1",
    }
    second = decide(api, "threads/t", "perm_c2")
    assert second.json() == {
        "status": "decision_submitted",
        "thread_id": "t",
        "tool_call_id": "perm_c2",
    }
    done = engine.finished(waiting)
    assert (done.termination_code, done.final_output) == ("natural", 'It said "echoed".')


def test_it_takes_several_decisions_at_once(engine: Engine, api: JsonClient, waiting: str) -> None:
    decisions = [
        {"tool_call_id": "c1", "action": "resume"},
        {"toolCallId": "c2", "action": "cancel", "payload": {"approved": False}},
    ]
    answer = api.post("/v1/threads/t/decision", {"decisions": decisions})
    assert answer.status_code == 202
    assert answer.json()["tool_call_ids"] == ["c1", "c2"]
    engine.finished(waiting)
    messages = api.get("/v1/threads/t/messages").json()["messages"]
    results = {
        message["tool_call_id"]: message["content"][0]["text"]
        for message in messages
        if message["role"] == "tool"
    }
    assert results == {"c1": '"echoed"', "c2": '{"approved":false}'}


def test_it_records_all_decisions_or_none(api: JsonClient, waiting: str) -> None:
    decisions = [
        {"tool_call_id": "c1", "action": "resume"},
        {"tool_call_id": "unknown", "action": "resume"},
    ]
    assert api.post(f"/v1/runs/{waiting}/decision", {"decisions": decisions}).status_code == 404
    assert statuses(api, waiting) == {"c1": "suspended", "c2": "suspended"}


def test_it_shows_both_parts_of_a_run_in_one_stream(
    engine: Engine, api: JsonClient, asker: str
) -> None:
    body = {"agentId": asker, "threadId": "t", "messages": [{"role": "user", "content": "x"}]}
    answer = api.post("/v1/runs", body)
    run_id = answer.headers["x-run-id"]
    engine.suspended(run_id)
    both = [{"tool_call_id": each, "action": "resume"} for each in ("c1", "c2")]
    api.post(f"/v1/runs/{run_id}/decision", {"decisions": both})
    stream = events(answer.getvalue())
    assert kinds(stream).count("run_start") == 2
    assert kinds(stream).count("run_finish") == 2
    assert kinds(stream).count("tool_call_resumed") == 2
    resumed = [each for each in stream if each["event_type"] == "tool_call_resumed"]
    assert {each["target_id"]: each["result"] for each in resumed} == {
        "c1": "echoed",
        "c2": "echoed",
    }
    assert stream[-1]["termination"] == {"type": "natural_end"}


def test_it_waits_on_after_one_of_two_decisions(api: JsonClient, waiting: str) -> None:
    stream = api.client.get(f"/v1/runs/{waiting}/events/stream")
    frames = iter(stream)
    decide(api, "threads/t", "c1")
    again = until_finish(frames)
    assert kinds(again).count("tool_call_resumed") == 1
    assert again[-1]["payload"]["termination"] == {"type": "suspended"}
    assert statuses(api, waiting) == {"c1": "succeeded", "c2": "suspended"}
    decide(api, "threads/t", "c2")
    assert until_finish(frames)[-1]["payload"]["termination"] == {"type": "natural_end"}


def until_finish(frames: Iterator[bytes]) -> list[dict[str, Any]]:
    """The entries up to the next time the run rests."""
    entries: list[dict[str, Any]] = []
    for chunk in frames:
        entries += events(chunk)
        if "run_finish" in kinds(entries):
            return entries
    raise AssertionError("the stream ended")


def test_it_accepts_an_equal_decision_again(api: JsonClient, waiting: str) -> None:
    assert decide(api, f"runs/{waiting}", "c1").status_code == 202
    assert decide(api, f"runs/{waiting}", "c1").status_code == 202


@pytest.mark.parametrize("path", ["runs/{}", "threads/t"])
def test_it_accepts_an_equal_decision_again_when_the_run_is_done(
    engine: Engine, api: JsonClient, waiting: str, path: str
) -> None:
    path = path.format(waiting)
    for call_id in ("c1", "c2"):
        decide(api, path, call_id)
    engine.finished(waiting)
    assert decide(api, path, "c2").status_code == 202
    assert decide(api, path, "c2", action="cancel").status_code == 404
    assert decide(api, path, "c9").status_code == 404


def test_it_refuses_another_decision_than_before(api: JsonClient, waiting: str) -> None:
    decide(api, f"runs/{waiting}", "c1")
    other = decide(api, f"runs/{waiting}", "c1", action="cancel")
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")


def test_it_refuses_a_decision_on_something_else(api: JsonClient, waiting: str) -> None:
    answer = decide(api, f"runs/{waiting}", "c9")
    assert (answer.status_code, answer.json()["error"]) == (404, "no pending tool call: c9")
    assert Run.objects.get(pk=waiting).status == "waiting"


# --- without an engine -----------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["runs/nothing", "threads/nothing"])
def test_it_checks_the_action_before_it_looks_anything_up(api: JsonClient, path: str) -> None:
    answer = decide(api, path, action="approve")
    assert answer.status_code == 400
    assert answer.json()["error"] == ("invalid action: approve, expected 'resume' or 'cancel'")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("runs/nothing", "run not found: nothing"),
        ("threads/nothing", "thread not found: nothing"),
    ],
)
def test_it_answers_404_to_an_unknown_id(api: JsonClient, path: str, error: str) -> None:
    answer = decide(api, path)
    assert (answer.status_code, answer.json()["error"]) == (404, error)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {"action": "resume"},
        {"toolCallId": "c"},
        {"toolCallId": 1, "action": "resume"},
        {"decisions": []},
        {"decisions": [{"action": "resume"}]},
        [],
    ],
)
def test_it_answers_422_to_another_shape(api: JsonClient, body: Any) -> None:
    assert api.post("/v1/runs/r/decision", body).status_code == 422


@pytest.mark.django_db
def test_it_answers_404_once_the_run_is_done(api: JsonClient) -> None:
    done = run(thread())
    call(done, "c1")
    assert decide(api, f"runs/{done.pk}").status_code == 404


@pytest.mark.django_db
def test_it_does_not_decide_for_another_resource(bound: JsonClient) -> None:
    theirs = run(thread("theirs", resource_id="other"), status="waiting", turn=1)
    call(theirs, "c1", status="suspended")
    assert decide(bound, f"runs/{theirs.pk}").status_code == 404
    assert decide(bound, "threads/theirs").status_code == 404
    assert theirs.tool_calls.get().status == "suspended"
