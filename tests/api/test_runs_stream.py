"""``POST /v1/runs``: what the stream says, and what it leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runs.models import Run
from tests.api.conftest import JsonClient
from tests.api.native_stream import (
    ECHO,
    calling,
    events,
    ids,
    kinds,
    new_thread,
    run_to_end,
    said,
    submit,
    timeless,
)
from tests.api.tools import echo_tool, waiting_tool
from tests.engine_fixture import Engine
from threads.models import Message, Thread
from threads.services import NewMessage, append_messages


def test_it_streams_a_run_from_start_to_finish(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = run_to_end(api, "echo")
    stream = events(answer.body)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert kinds(stream)[0] == "run_start"
    assert kinds(stream)[-1] == "run_finish"
    assert kinds(stream).index("step_start") < kinds(stream).index("step_end")
    assert "".join(each["delta"] for each in stream if "delta" in each) == "hello world"
    assert stream[-1]["result"] == {
        "response": "hello world",
        "status": "done",
        "status_reason": "natural",
    }


def test_it_names_the_upstream_model(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    stream = events(run_to_end(api, "echo").body)
    (report,) = [each for each in stream if each["event_type"] == "inference_complete"]
    assert report["model"] == "echo"
    assert report["usage"]["prompt_tokens"] > 0


def test_it_refuses_data_that_no_model_could_read(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    source = {"type": "base64", "media_type": "image/png", "data": "a"}
    content = [{"type": "image", "source": source}]
    body = {"agentId": "echo", "messages": [{"role": "user", "content": content}]}
    assert api.post("/v1/runs", body).status_code == 422
    assert not Run.objects.exists()


def test_it_answers_on_a_thread_with_data_that_cannot_be_read(
    engine: Engine, api: JsonClient
) -> None:
    """It was stored before anybody checked."""
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    source = {"type": "base64", "media_type": "image/png", "data": "a"}
    broken = NewMessage(role="user", content=[{"type": "image", "source": source}])
    append_messages(thread=Thread.objects.get(), messages=[broken], run_id="r")
    stream = events(run_to_end(api, "echo", threadId=thread_id).body)
    assert stream[-1]["result"]["response"] == "hello world"


def test_it_takes_many_messages_at_once(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    sent = run_to_end(api, "echo", threadId="t", messages=said() * 5_000)
    assert events(sent.body)[-1]["result"]["response"] == "hello world"
    assert Message.objects.count() == 5_001


def test_it_makes_a_thread_when_none_is_named(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = run_to_end(api, "echo", threadId="  ")
    thread_id = answer.headers["x-thread-id"]
    assert events(answer.body)[0]["thread_id"] == thread_id
    assert api.get(f"/v1/threads/{thread_id}").status_code == 200


def test_it_keeps_the_thread_that_is_named(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = run_to_end(api, "echo", thread_id=" mine ")
    assert events(answer.body)[0]["thread_id"] == answer.headers["x-thread-id"] == "mine"


def test_it_tells_the_id_of_the_run(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = run_to_end(api, "echo")
    assert events(answer.body)[0]["run_id"] == answer.headers["x-run-id"]
    assert api.get(f"/v1/runs/{answer.headers['x-run-id']}").json()["status"] == "done"


def test_it_keeps_the_history_of_two_turns(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run_to_end(api, "echo", "one", threadId="t")
    run_to_end(api, "echo", "two", threadId="t")
    messages = api.get("/v1/threads/t/messages").json()["messages"]
    texts = [(each["role"], each["content"][0]["text"]) for each in messages]
    assert texts == [
        ("user", "one"),
        ("assistant", "one"),
        ("user", "two"),
        ("assistant", "two"),
    ]


def test_it_names_the_message_that_a_step_stored(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    stream = events(run_to_end(api, "echo", threadId="t").body)
    answer = api.get("/v1/threads/t/messages").json()["messages"][-1]
    (step,) = [each for each in stream if each["event_type"] == "step_start"]
    assert answer["id"] == step["message_id"]


def test_it_shows_the_same_state_as_the_record(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool)
    engine.agent("caller", calling("echo_tool"), tools=[echo_tool])
    answer = run_to_end(api, "caller")
    snapshot = [each for each in events(answer.body) if each["event_type"] == "state_snapshot"][-1]
    record = api.get(f"/v1/runs/{answer.headers['x-run-id']}").json()
    assert timeless(snapshot["snapshot"]) == timeless(record["state"])


def test_it_shows_the_same_waiting_state_as_the_record(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool, needs_approval=True)
    engine.agent("asker", calling("echo_tool", "c1", "c2"), tools=[echo_tool])
    answer = run_to_end(api, "asker")
    snapshot = events(answer.body)[-2]
    record = api.get(f"/v1/runs/{answer.headers['x-run-id']}").json()
    assert record["status"] == "waiting"
    assert timeless(snapshot["snapshot"]) == timeless(record["state"])


def test_it_tells_a_tool_call(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool)
    engine.agent("caller", calling("echo_tool"), tools=[echo_tool])
    stream = events(run_to_end(api, "caller").body)
    done = next(each for each in stream if each["event_type"] == "tool_call_done")
    assert (done["id"], done["outcome"]) == ("c1", "succeeded")
    assert done["result"] == {
        "tool_name": "echo_tool",
        "status": "success",
        "data": "echoed",
        "message": None,
    }
    order = kinds(stream)
    assert order.index("tool_call_ready") < order.index("inference_complete")
    assert stream[-1]["result"]["response"] == 'It said "echoed".'


def test_it_ends_with_the_error_of_the_model(engine: Engine, api: JsonClient) -> None:
    failure = [{"reply": [{"error": {"status": 401, "message": "bad key"}}]}]
    engine.agent("failing", failure)
    answer = run_to_end(api, "failing")
    finish = events(answer.body)[-1]
    assert finish["termination"]["type"] == "error"
    assert "bad key" in finish["termination"]["value"]
    assert "result" not in finish
    record = api.get(f"/v1/runs/{answer.headers['x-run-id']}").json()
    assert (record["status"], record["termination_code"]) == ("done", "error")
    assert record["error_payload"]["message"] == finish["termination"]["value"]


def test_it_replaces_the_run_of_a_busy_thread(engine: Engine, api: JsonClient) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    first = submit(api, thread_id, "slow")
    queued = [submit(api, thread_id, "echo"), submit(api, thread_id, "echo")]
    engine.running(first["run_id"])
    answer = run_to_end(api, "echo", "last", threadId=thread_id)
    assert events(answer.body)[-1]["result"]["response"] == "last"
    assert Run.objects.get(pk=first["run_id"]).termination_code == "cancelled"
    jobs = {
        job["run_id"]: job for job in api.get(f"/v1/threads/{thread_id}/mailbox").json()["items"]
    }
    assert [jobs[each["run_id"]]["status"] for each in queued] == ["Superseded", "Superseded"]


def test_it_says_that_a_run_was_deleted_with_its_thread(engine: Engine, api: JsonClient) -> None:
    engine.tool(waiting_tool(engine.gate()))
    engine.agent("slow", calling("wait"), tools=["wait"])
    body = {"agentId": "slow", "threadId": "t", "messages": said()}
    answer = api.post("/v1/runs", body)
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(answer.getvalue)
        engine.running(answer.headers["x-run-id"])
        assert api.send("delete", "/v1/threads/t", None, {}).status_code == 204
        last = events(stream.result(20))[-1]
    assert (last["event_type"], last["termination"]["type"]) == ("run_finish", "cancelled")
    assert last["run_id"] == answer.headers["x-run-id"]


def test_it_takes_a_message_of_content_blocks(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    blocks = [
        {"type": "text", "text": "look"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ]
    body = {"agentId": "echo", "threadId": "t", "messages": [{"role": "user", "content": blocks}]}
    api.post("/v1/runs", body).getvalue()
    stored = api.get("/v1/threads/t/messages").json()["messages"][0]
    assert stored["content"] == blocks


def test_it_keeps_data_and_file_names_exactly(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    data = '{"z":1.0,"a":[1,9007199254740993,null],"é":{"b":1e-7,"a":""}}'
    name = '{"type":"document","source":{"type":"url","url":"https://x.example/a"},"name":"a.txt"}'
    content = f'[{{"type":"data","data":{data}}},{{"type":"data","data":null}},{name}]'
    body = f'{{"agentId":"echo","threadId":"t","messages":[{{"role":"user","content":{content}}}]}}'
    answer = api.client.post("/v1/runs", body, content_type="application/json")
    answer.getvalue()
    listed = api.get("/v1/threads/t/messages").content.decode()
    assert f'"content":{content}' in listed.replace("e-07", "e-7")


def test_it_runs_tools_of_the_caller(engine: Engine, api: JsonClient) -> None:
    script: list[dict[str, Any]] = [
        {"when": {"has_tool_result": True}, "reply": [{"text": "{{tool_result}}"}]},
        {"reply": [{"client_tool": "first", "arguments": {"q": 1}}]},
    ]
    engine.agent("front", script)
    answer = run_to_end(api, "front", frontendTools=[{"name": "ask_user"}])
    done = next(each for each in events(answer.body) if each["event_type"] == "tool_call_done")
    assert done["result"]["suspension"]["resume_mode"] == "use_decision_as_tool_result"
    assert done["result"]["suspension"]["suspension"]["action"] == "tool:ask_user"
    assert events(answer.body)[-1]["termination"] == {"type": "suspended"}


def test_it_streams_the_first_run_again_for_an_equal_key(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    body = {"agentId": "echo", "messages": said()}
    first = api.post("/v1/runs", body, **{"Idempotency-Key": "k"})
    once = first.getvalue()
    again = api.post("/v1/runs", body, **{"Idempotency-Key": "k"})
    assert again.headers["x-run-id"] == first.headers["x-run-id"]
    assert again.getvalue() == once
    assert Run.objects.count() == 1


@pytest.mark.parametrize("change", [{"messages": said("x")}, {"resourceId": "theirs"}])
def test_it_refuses_another_body_under_an_equal_key(
    engine: Engine, api: JsonClient, change: dict[str, Any]
) -> None:
    engine.agent("echo", ECHO)
    body = {"agentId": "echo", "messages": said(), "resourceId": "ours"}
    api.post("/v1/runs", body, **{"Idempotency-Key": "k"}).getvalue()
    other = api.post("/v1/runs", {**body, **change}, **{"Idempotency-Key": "k"})
    assert other.status_code == 409


def test_it_gives_positions_that_a_follower_can_go_on_from(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answer = run_to_end(api, "echo")
    path = f"/v1/runs/{answer.headers['x-run-id']}/events/stream"
    positions = ids(answer.body)
    for index, position in enumerate(positions):
        rest = api.client.get(path, headers={"Last-Event-ID": position}).getvalue()
        assert ids(rest) == positions[index + 1 :]


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"messages": said()}, 422, ""),
        ({"agentId": "echo"}, 422, ""),
        ({"agentId": "  ", "messages": said()}, 400, "agent_id cannot be empty"),
        ({"agentId": "echo", "messages": []}, 400, "at least one message is required"),
        (
            {"agentId": "echo", "messages": [{"role": "tool", "content": "x"}]},
            400,
            "at least one message is required",
        ),
        ({"agentId": "echo", "messages": [{"role": "user", "content": 1}]}, 422, ""),
        ({"agentId": "echo", "messages": [{"role": "user"}]}, 422, ""),
        ({"agentId": "nobody", "messages": said()}, 400, "agent not found: nobody"),
        ({"agentId": "echo", "messages": said(), "threadId": "a/b"}, 400, ""),
    ],
)
def test_it_refuses_and_stores_nothing(
    engine: Engine, api: JsonClient, body: dict[str, Any], status: int, error: str
) -> None:
    engine.agent("echo", ECHO)
    answer = api.post("/v1/runs", body)
    assert answer.status_code == status
    assert error in answer.json()["error"]
    assert not Thread.objects.exists()


def test_it_leaves_a_run_alone_that_an_unknown_agent_would_replace(
    engine: Engine, api: JsonClient
) -> None:
    engine.tool(echo_tool, needs_approval=True)
    engine.agent("asker", calling("echo_tool"), tools=[echo_tool])
    first = run_to_end(api, "asker", threadId="t")
    body = {"agentId": "nobody", "threadId": "t", "messages": said()}
    assert api.post("/v1/runs", body).status_code == 400
    assert Run.objects.get(pk=first.headers["x-run-id"]).status == "waiting"
