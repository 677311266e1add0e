"""Background submissions: messages, inputs and the mailbox."""

from typing import Any

import pytest

from agentserver.core.ids import new_id
from runs.models import Job, Run
from tests.api.conftest import JsonClient
from tests.api.native_stream import ECHO, calling, new_thread, run_to_end, said, submit
from tests.api.rows import run, thread
from tests.api.tools import echo_tool, waiting_tool
from tests.engine_fixture import Engine
from threads.content import text_of
from threads.models import Message, Thread


def texts(api: JsonClient, thread_id: str) -> list[str]:
    messages = api.get(f"/v1/threads/{thread_id}/messages").json()["messages"]
    return [text_of(message["content"]) for message in messages]


# --- messages --------------------------------------------------------------------------------


def test_it_runs_messages_in_the_background(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    submitted = submit(api, thread_id, "echo")
    assert submitted["status"] == "running"
    assert submitted["thread_id"] == thread_id
    assert submitted["job_id"] == submitted["dispatch_id"]
    assert engine.finished(submitted["run_id"]).final_output == "hello"
    assert texts(api, thread_id) == ["hello", "hello"]


def test_it_queues_behind_a_run(engine: Engine, api: JsonClient) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    first = submit(api, thread_id, "slow")
    engine.running(first["run_id"])
    second = submit(api, thread_id, "echo", "second")
    assert second["status"] == "queued"
    assert api.get(f"/v1/runs/{second['run_id']}").json()["status"] == "created"
    gate.set()
    assert engine.finished(first["run_id"]).termination_code == "natural"
    assert engine.finished(second["run_id"]).final_output == "second"


def test_it_uses_the_agent_of_the_latest_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("other", ECHO)
    thread_id = new_thread(api)
    first = submit(api, thread_id, "other")
    engine.finished(first["run_id"])
    second = api.post(f"/v1/threads/{thread_id}/messages", {"messages": said()}).json()
    assert engine.finished(second["run_id"]).agent_id == "other"


def test_it_drops_messages_of_other_roles(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    messages = [{"role": "tool", "content": "x"}, *said("kept")]
    body = {"agentId": "echo", "messages": messages}
    submitted = api.post(f"/v1/threads/{thread_id}/messages", body).json()
    engine.finished(submitted["run_id"])
    assert texts(api, thread_id) == ["kept", "kept"]


def test_it_appends_a_message_with_an_id_once(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    thread_id, message_id = new_thread(api), new_id()
    for _ in range(2):
        submitted = submit(api, thread_id, "echo", messages=said("once", id=message_id))
        engine.finished(submitted["run_id"])
    assert Message.objects.filter(message_id=message_id).count() == 1


def test_it_answers_an_equal_key_with_the_first_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    path = f"/v1/threads/{new_thread(api)}/messages"
    body = {"agentId": "echo", "messages": said()}
    first, second = (api.post(path, body, **{"Idempotency-Key": "k"}).json() for _ in range(2))
    assert first == second
    assert Job.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"messages": []}, 400, "at least one message is required"),
        ({}, 422, ""),
        ({"messages": said(), "mode": "never"}, 422, ""),
        ({"messages": said(), "agentId": "no"}, 400, "agent not found: no"),
        ({"messages": said()}, 400, "agent not found: default"),
    ],
)
def test_it_refuses_and_stores_nothing(
    api: JsonClient, body: dict[str, Any], status: int, error: str
) -> None:
    thread("t")
    answer = api.post("/v1/threads/t/messages", body)
    assert answer.status_code == status
    assert error in answer.json()["error"]
    assert not Run.objects.exists()
    assert not Message.objects.exists()


def test_it_answers_404_to_messages_for_an_unknown_thread(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    body = {"agentId": "echo", "messages": said()}
    answer = api.post("/v1/threads/nothing/messages", body)
    assert (answer.status_code, answer.json()["error"]) == (404, "thread not found: nothing")
    assert not Thread.objects.exists()


# --- modes -----------------------------------------------------------------------------------


def test_it_steers_a_running_run(engine: Engine, api: JsonClient) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    script = [
        {"when": {"last_user": {"equals": "now this"}}, "reply": [{"text": "steered"}]},
        *calling("wait"),
    ]
    engine.agent("slow", script, tools=["wait"])
    thread_id = new_thread(api)
    first = submit(api, thread_id, "slow")
    engine.running(first["run_id"])
    body = {"messages": said("now this"), "mode": "steer"}
    joined = [
        api.post(f"/v1/threads/{thread_id}/messages", body, **{"Idempotency-Key": "k"}).json()
        for _ in range(2)
    ]
    assert joined[0] == joined[1]
    assert joined[0]["run_id"] == first["run_id"]
    assert (joined[0]["steered"], joined[0]["job_id"]) == (True, None)
    gate.set()
    assert engine.finished(first["run_id"]).final_output == "steered"
    assert texts(api, thread_id).count("now this") == 1


def test_it_queues_steering_when_nothing_runs(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    submitted = submit(api, new_thread(api), "echo", mode="live_then_queue")
    assert submitted["steered"] is False
    assert engine.finished(submitted["run_id"]).final_output == "hello"


def test_it_interrupts_when_asked_to(engine: Engine, api: JsonClient) -> None:
    engine.tool(waiting_tool(engine.gate()))
    engine.agent("slow", calling("wait"), tools=["wait"])
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    first = submit(api, thread_id, "slow")
    engine.running(first["run_id"])
    second = submit(api, thread_id, "echo", mode="interrupt_then_queue")
    assert engine.finished(second["run_id"]).final_output == "hello"
    assert Run.objects.get(pk=first["run_id"]).termination_code == "cancelled"


def test_it_resumes_the_open_run(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool, needs_approval=True)
    script = [
        {"when": {"last_user": {"equals": "never mind"}}, "reply": [{"text": "fine"}]},
        *calling("echo_tool"),
    ]
    engine.agent("asker", script, tools=[echo_tool])
    run_id = run_to_end(api, "asker", threadId="t").headers["x-run-id"]
    body = {"messages": said("never mind"), "mode": "resume_open_run"}
    answer = api.post("/v1/threads/t/messages", body)
    assert answer.json()["run_id"] == run_id
    assert engine.finished(run_id).final_output == "fine"


def test_it_answers_404_without_an_open_run_to_resume(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    body = {"agentId": "echo", "messages": said(), "mode": "resume_open_run"}
    assert api.post(f"/v1/threads/{new_thread(api)}/messages", body).status_code == 404


# --- inputs ----------------------------------------------------------------------------------


def test_it_takes_follow_up_input_of_a_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run_id = run_to_end(api, "echo", threadId="t").headers["x-run-id"]
    answer = api.post(f"/v1/runs/{run_id}/inputs", {"messages": said("more")})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["status"], body["run_id"]) == ("inputs_accepted", run_id)
    assert body["new_run_id"] != run_id
    later = engine.finished(body["new_run_id"])
    assert (later.thread_id, later.agent_id, later.final_output) == ("t", "echo", "more")


@pytest.mark.django_db
def test_it_answers_404_to_inputs_for_an_unknown_run(api: JsonClient) -> None:
    answer = api.post("/v1/runs/nothing/inputs", {"messages": said()})
    assert (answer.status_code, answer.json()["error"]) == (404, "run not found: nothing")


@pytest.mark.django_db
def test_it_refuses_inputs_without_a_message(api: JsonClient) -> None:
    done = run(thread())
    assert api.post(f"/v1/runs/{done.pk}/inputs", {"messages": []}).status_code == 400


# --- mailbox ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"payload": {"text": "hi"}}, "hi"),
        ({"payload": {"text": ""}}, '{"text":""}'),
        ({"payload": {"b": 1, "a": [True]}}, '{"b":1,"a":[true]}'),
        ({"payload": "plain"}, '"plain"'),
        ({}, "null"),
    ],
)
def test_it_turns_a_payload_into_a_message(
    engine: Engine, api: JsonClient, body: dict[str, Any], text: str
) -> None:
    engine.agent("default", ECHO)
    answer = api.post("/v1/threads/fresh/mailbox", body)
    assert answer.status_code == 201
    pushed = answer.json()
    assert pushed["thread_id"] == "fresh"
    assert pushed["job_id"] == pushed["dispatch_id"]
    assert engine.finished(pushed["run_id"]).final_output == text


def test_it_pushes_once_for_an_equal_key(engine: Engine, api: JsonClient) -> None:
    engine.agent("default", ECHO)
    body = {"payload": 1}
    answers = [
        api.post("/v1/threads/t/mailbox", body, **{"Idempotency-Key": "k"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_it_refuses_a_key_that_cannot_be_kept(api: JsonClient) -> None:
    answer = api.post("/v1/threads/t/mailbox", {}, **{"Idempotency-Key": "k" * 256})
    assert answer.status_code == 400
