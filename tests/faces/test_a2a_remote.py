"""Agents with an endpoint: runs whose model is another server's agent, through every face."""

import threading

import pytest

from runs.events import log
from runs.events.types import ArtifactUpdated, FileProduced
from tests.api.native_stream import said
from tests.faces.a2a_remote import chunk, completed, parts, remote
from tests.faces.a2a_remote_agent import Far, deltas, far, wait_for_text
from tests.faces.ai_sdk_chat import Chat, chunks_of, shown, user

__all__ = ["far", "remote"]


def test_it_answers_with_the_text_of_the_remote_agent(far: Far) -> None:
    far.remote.play(chunk("Hel"), chunk("lo", append=True), completed())
    run = far.ask("hi")
    assert (run.status, run.final_output) == ("done", "Hello"), run.termination_detail
    sent = far.remote.sent("message:stream")[0].body["message"]
    assert sent["parts"] == [{"text": "hi"}]
    assert "taskId" not in sent


def test_it_hands_on_each_piece_of_text_as_it_comes(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("one "), gate, chunk(" two", append=True), completed())
    run_id = far.begin()
    wait_for_text(run_id, "one ")
    gate.set()
    assert far.engine.finished(run_id).final_output == "one  two"
    assert deltas(run_id) == ["one ", " two"]


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
@pytest.mark.parametrize("streaming", [True, False])
def test_it_speaks_what_the_card_offers(far: Far, binding: str, streaming: bool) -> None:
    far.remote.bindings, far.remote.streaming = [binding], streaming
    far.at(options={"poll_interval_ms": 20})
    gate = threading.Event()
    far.remote.play(chunk("Hel"), gate, chunk("lo", append=True), completed())
    run_id = far.begin()
    if streaming:
        wait_for_text(run_id, "Hel")
    else:
        far.remote.sent("SendMessage" if binding == "JSONRPC" else "message:send")
    gate.set()
    assert far.engine.finished(run_id).final_output == "Hello"
    way = far.remote.requests[1].path
    assert (way == "/a2a") is (binding == "JSONRPC")


def test_it_streams_through_the_ai_sdk_face(far: Far) -> None:
    far.remote.play(chunk("Hel"), chunk("lo", append=True), completed())
    assert shown(chunks_of(Chat(far.api, "far").post(user("hi")))) == "Hello"


def test_it_sends_blocks_as_parts(far: Far) -> None:
    far.remote.play(completed("seen"))
    thread_id = far.api.post("/v1/threads", {}).json()["id"]
    content = [
        {"type": "text", "text": "look"},
        {"type": "data", "data": {"a": [1, None]}},
        {"type": "image", "source": {"type": "url", "url": "https://x.example/i.png"}},
        {
            "type": "document",
            "name": "a.txt",
            "source": {"type": "base64", "media_type": "text/plain", "data": "aGk="},
        },
    ]
    body = {"agent_id": "far", "messages": [{"role": "user", "content": content}]}
    run_id = far.api.post(f"/v1/threads/{thread_id}/messages", body).json()["run_id"]
    assert far.engine.finished(run_id).final_output == "seen"
    assert far.remote.sent("message:stream")[0].body["message"]["parts"] == [
        {"text": "look"},
        {"data": {"a": [1.0, None]}},
        {"url": "https://x.example/i.png"},
        {"raw": "aGk=", "filename": "a.txt", "mediaType": "text/plain"},
    ]


def test_it_begins_anew_on_a_thread_that_took_the_id_of_a_deleted_one(far: Far) -> None:
    def ask() -> None:
        body = {"agentId": "far", "threadId": "t", "messages": said()}
        far.engine.finished(far.api.post("/v1/runs", body).headers["x-run-id"])

    ask()
    assert far.api.client.delete("/v1/threads/t").status_code == 204
    ask()
    sent = [each.body["message"] for each in far.remote.sent("stream", 2)]
    assert [each.get("contextId") for each in sent] == [None, None]


def test_it_keeps_the_remote_conversation_of_a_thread(far: Far) -> None:
    thread_id = far.ask("one").thread_id
    far.ask("two", thread_id)
    far.ask("elsewhere")
    first, second, third = (each.body["message"] for each in far.remote.sent("stream", 3))
    known = next(iter(far.remote.tasks.values())).context_id
    assert (first.get("contextId"), second.get("contextId")) == (None, known)
    assert third.get("contextId") is None
    assert [part["text"] for part in second["parts"]] == ["two"]


def test_it_asks_for_the_target_of_the_endpoint(far: Far) -> None:
    far.at(target="helper").ask()
    sent = far.remote.sent("message:stream")[0]
    assert sent.path == "/a2a/helper/message:stream"
    assert sent.body["tenant"] == "helper"


def test_it_shows_the_token_to_the_agent_and_to_nobody_else(far: Far) -> None:
    far.remote.token = "sesame-1"
    far.at(auth={"type": "bearer", "token": "sesame-1"})
    run = far.ask()
    assert run.status == "done"
    assert run.termination_code == "natural"
    card, call = far.remote.requests
    assert "authorization" not in card.headers
    assert call.headers["authorization"] == "Bearer sesame-1"


def test_it_never_repeats_a_token_that_the_agent_quotes(
    far: Far, caplog: pytest.LogCaptureFixture
) -> None:
    far.remote.token = "another"
    run = far.at(auth={"type": "bearer", "token": "sesame-2"}).ask()
    assert run.termination_code == "error"
    told = [str(record.dump()) for record in log.read(run.pk)]
    assert "sesame-2" not in run.termination_detail + "".join(told) + caplog.text
    assert "401" in run.termination_detail


def test_it_keeps_the_token_from_another_origin(far: Far) -> None:
    interface = {"protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"}
    far.remote.card = {"supportedInterfaces": [interface | {"url": "http://127.0.0.1:1/a2a"}]}
    run = far.at(auth={"type": "bearer", "token": "sesame-3"}).ask()
    assert "origin" in run.termination_detail


# --- artifacts ------------------------------------------------------------------------------------


def test_it_shows_what_replaced_an_earlier_text(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("Let me see."), gate, chunk("It is 5."), completed())
    run_id = far.begin()
    wait_for_text(run_id, "Let me see.")
    gate.set()
    run = far.engine.finished(run_id)
    assert run.final_output == "It is 5."
    assert len(far.remote.sent("message:stream")) == 1
    stored = far.api.get(f"/v1/threads/{run.thread_id}/messages").json()
    assert "Let me see." not in str(stored)


def test_it_takes_over_files_and_other_artifacts(far: Far) -> None:
    file = {"raw": "aGk=", "mediaType": "text/plain", "filename": "a.txt"}
    far.remote.play(
        parts({"data": {"rows": 2}}, artifact="table"),
        parts({"text": "Here."}, file),
        completed(),
    )
    run = far.ask()
    assert run.final_output == "Here."
    events = [record.event for record in log.read(run.pk)]
    artifact = next(event for event in events if isinstance(event, ArtifactUpdated))
    assert (artifact.artifact_id, artifact.parts) == (
        "table",
        [{"type": "data", "data": {"rows": 2}}],
    )
    produced = next(event for event in events if isinstance(event, FileProduced))
    assert (produced.media_type, produced.data, produced.name) == ("text/plain", "aGk=", "a.txt")


# --- as a delegate --------------------------------------------------------------------------------


def test_it_works_for_another_agent(far: Far) -> None:
    far.remote.play(chunk("42"), completed())
    call = {"name": "agent_run_far", "arguments": {"prompt": "do it"}}
    far.engine.agent(
        "boss",
        [
            {"when": {"has_tool_result": True}, "reply": [{"text": "got {{tool_result}}"}]},
            {"reply": [{"tool_call": call}]},
        ],
        delegates=["far"],
    )
    run = far.engine.finished(far.begin("go", agent="boss"))
    assert run.final_output == "got 42"
    assert far.remote.sent("message:stream")[0].body["message"]["parts"] == [{"text": "do it"}]
