"""The routes of the AI SDK face: bodies, errors, limits, keys."""

import base64
from typing import Any

import pytest
from django.test import Client

from agentserver.protocols.ai_sdk.files import MAX_BYTES
from runs.models import Run
from tests.access.conftest import bearer
from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.ai_sdk_chat import PREFIX, Chat, chunks_of, shown, text_of, user
from threads.models import Message, Thread

ECHO = [{"reply": [{"text": "{{last_user}}", "chunks": 2}]}]
COUNT = [{"reply": [{"text": "{{message_count}}: {{last_user}}"}]}]


@pytest.fixture
def chat(engine: Engine, api: JsonClient) -> Chat:
    return Chat(api, engine.agent("echo", ECHO))


# --- the stream ---------------------------------------------------------------------------------


def test_it_answers_with_the_headers_of_the_protocol(chat: Chat) -> None:
    answer = chat.post(user("hi"))
    assert answer["content-type"] == "text/event-stream"
    assert answer["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer["cache-control"] == "no-cache"
    assert answer["x-accel-buffering"] == "no"
    assert shown(chunks_of(answer)) == "hi"


def test_it_writes_frames_with_plain_line_feeds(chat: Chat) -> None:
    stream = chat.post(user("hi")).getvalue()
    assert b"\r" not in stream
    assert stream.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("member", ["id", "threadId", "thread_id"])
def test_it_takes_the_thread_from_the_body(chat: Chat, member: str) -> None:
    body = {"agentId": "echo", "messages": [user("hi")], member: f"by-{member}"}
    chunks_of(chat.api.post(f"{PREFIX}/chat", body))
    assert Thread.objects.filter(pk=f"by-{member}").exists()


def test_it_prefers_the_thread_id_and_then_the_path(chat: Chat) -> None:
    first = chunks_of(chat.post(user("hi"), threadId="named"))
    second = chunks_of(chat.post(user("hi"), threadId="named", path="/threads/pathed/runs"))
    threads = [chunks[0]["messageMetadata"]["threadId"] for chunks in (first, second)]
    assert threads == ["named", "pathed"]


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_it_makes_a_thread_for_a_blank_id(chat: Chat, blank: Any) -> None:
    body = {"id": blank, "agentId": "echo", "messages": [user("hi")]}
    started = chunks_of(chat.api.post(f"{PREFIX}/chat", body))[0]
    assert started["messageMetadata"]["threadId"].strip()


def test_it_takes_the_agent_from_the_path(engine: Engine, chat: Chat) -> None:
    engine.agent("other", [{"reply": [{"text": "other"}]}])
    assert shown(chunks_of(chat.post(user("hi"), path="/agents/other/runs"))) == "other"


def test_it_keeps_the_agent_of_the_thread(chat: Chat) -> None:
    chat.say("hi")
    assert shown(chunks_of(chat.post(user("again"), agentId=None))) == "again"


def test_it_ignores_members_and_parts_it_does_not_know(chat: Chat) -> None:
    message = user("hi")
    message["parts"] += [{"type": "data-x", "data": 1}, {"type": "custom"}, "odd", {}]
    assert shown(chunks_of(chat.post(message, surprise={"a": 1}))) == "hi"


def test_it_takes_a_single_message(chat: Chat) -> None:
    body = {"id": chat.id, "agentId": "echo", "message": user("hi")}
    assert shown(chunks_of(chat.api.post(f"{PREFIX}/chat", body))) == "hi"


def test_it_tells_only_the_model_what_the_page_shows(engine: Engine, chat: Chat) -> None:
    chat.agent = engine.agent("counts", COUNT)
    assert shown(chunks_of(chat.post(user("hi"), state={"page": "cart"}))) == "2: hi"
    assert [each["role"] for each in chat.messages()] == ["user", "assistant"]
    internal = chat.messages(visibility="internal")
    assert "cart" in text_of(internal[0])


def test_it_keeps_the_metadata_of_a_message(chat: Chat) -> None:
    chunks_of(chat.post(user("hi", metadata={"tone": "kind"})))
    assert chat.messages()[0]["metadata"] == {"tone": "kind"}


def test_it_shows_a_text_once_when_the_model_had_to_be_asked_again(
    engine: Engine, chat: Chat
) -> None:
    again = [
        {"text": "Hel"},
        {"error": {"status": 503, "times": 1}},
        {"text": "lo", "chunk_size": 1},
    ]
    chat.agent = engine.agent("unsteady", [{"reply": again}])
    assert shown(chat.say("hi")) == "Hello"
    assert chat.texts()[-1] == ("assistant", "Hello")


@pytest.mark.parametrize("verb", ["cancel", "interrupt"])
def test_it_has_nothing_to_stop_when_nothing_runs(chat: Chat, verb: str) -> None:
    chat.say("hi")
    answer = chat.stop(verb)
    assert answer.status_code == 404
    assert answer.json()["error"] == f"thread not found: {chat.id}"


# --- histories ----------------------------------------------------------------------------------


def test_it_takes_the_whole_history_of_a_chat_it_does_not_know(chat: Chat) -> None:
    old = {"id": "a", "role": "assistant", "parts": [{"type": "text", "text": "hello"}]}
    chunks_of(chat.post(user("one", "u1"), old, user("two", "u2")))
    assert [each["id"] for each in chat.messages()][:2] == ["u1", "u2"]


def test_it_does_not_bring_back_what_another_tab_cut_off(chat: Chat) -> None:
    chat.say("one", "u1")
    one, answer = chat.messages()
    chat.say("two", "u2")
    chunks_of(chat.post(user("uno", "u1"), messageId="u1"))
    chunks_of(chat.post(one, answer, user("two", "u2"), {**answer, "id": "x"}, user("three", "u3")))
    assert [text for _, text in chat.texts()] == ["uno", "uno", "three", "three"]


def test_it_does_not_take_a_message_sent_again_for_an_edit(chat: Chat) -> None:
    chat.say("one", "u1")
    answer = chat.post(user("other words", "u1"))
    assert answer.status_code == 400
    assert answer.json()["error"] == "no new messages or interaction responses"
    assert [text for _, text in chat.texts()] == ["one", "one"]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"id": "x", "role": "user", "content": "legacy"}],
        [{"id": "x", "role": "user", "parts": []}],
        [{"id": "x", "role": "assistant", "parts": [{"type": "text", "text": "me"}]}],
        [{"id": "x", "role": "tool", "parts": [{"type": "text", "text": "me"}]}],
    ],
)
def test_it_refuses_a_request_without_anything_new(chat: Chat, messages: list[Any]) -> None:
    answer = chat.post(*messages)
    assert answer.status_code == 400
    assert answer.json()["error"] == "no new messages or interaction responses"
    assert not Thread.objects.exists()


# --- regenerate and edit ------------------------------------------------------------------------


def test_it_regenerates_with_nothing_but_the_id_of_the_answer(chat: Chat) -> None:
    chat.say("one", "u1")
    answer = chat.messages()[-1]["id"]
    chunks_of(chat.post(trigger="regenerate-message", messageId=answer))
    assert [text for _, text in chat.texts()] == ["one", "one"]
    assert chat.messages()[-1]["id"] != answer


def test_it_regenerates_with_nothing_at_all(chat: Chat) -> None:
    chat.say("one", "u1")
    chat.say("two", "u2")
    chunks_of(chat.post(trigger="regenerate-message"))
    assert [text for _, text in chat.texts()] == ["one", "one", "two", "two"]
    assert Run.objects.count() == 3


def test_it_regenerates_with_a_message_that_never_arrived(chat: Chat) -> None:
    chat.say("one", "u1")
    one, answer = chat.messages()
    chunks_of(chat.post(one, answer, user("two", "u2"), trigger="regenerate-message"))
    assert [text for _, text in chat.texts()] == ["one", "one", "two", "two"]


def test_it_has_nothing_to_regenerate_in_an_unknown_chat(chat: Chat) -> None:
    assert chat.post(trigger="regenerate-message").status_code == 400
    assert not Thread.objects.exists()


def test_it_edits_with_the_newest_message_only(chat: Chat) -> None:
    chat.say("one", "u1")
    chat.say("two", "u2")
    chunks_of(chat.post(user("uno", "u1"), messageId="u1"))
    assert chat.texts() == [("user", "uno"), ("assistant", "uno")]


def test_it_leaves_the_thread_alone_when_an_edit_is_refused(chat: Chat) -> None:
    chat.say("one", "u1")
    answer = chat.post(user("uno", "u1"), messageId="u1", agentId="nobody")
    assert answer.status_code == 400
    assert chat.texts() == [("user", "one"), ("assistant", "one")]


# --- files --------------------------------------------------------------------------------------


def file(media_type: str, data: bytes = b"x", **more: Any) -> dict[str, Any]:
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "file", "mediaType": media_type.split(";")[0], "url": url, **more}


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "image"),
        ("audio/wav", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "document"),
        ("text/plain;charset=utf-8", "document"),
        ("text/markdown", "document"),
        ("application/json", "document"),
    ],
)
def test_it_stores_files_as_blocks_and_lists_them_as_parts(
    chat: Chat, media_type: str, kind: str
) -> None:
    part = file(media_type, filename="a.bin")
    chunks_of(chat.post({"id": "u", "role": "user", "parts": [part]}))
    assert Message.objects.get(message_id="u").content[0]["type"] == kind
    listed = chat.messages()[0]["parts"][0]
    assert (listed["mediaType"], listed["filename"]) == (part["mediaType"], "a.bin")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([{"type": "file", "mediaType": "image/png", "url": "https://x.example/a.png"}], "data:"),
        ([file("image/png") | {"mediaType": "image/jpeg"}], "declared as image/jpeg"),
        ([file("application/zip")], "not accepted"),
        ([file("image/png")] * 5, "at most 4 files"),
        ([{"type": "file", "url": "data:image/png;base64,*"}], "valid base64"),
        ([file("image/png", bytes(MAX_BYTES)), file("image/png")], "bytes"),
    ],
)
def test_it_refuses_files_it_cannot_take(chat: Chat, parts: list[Any], reason: str) -> None:
    answer = chat.post({"id": "u", "role": "user", "parts": parts})
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_it_takes_as_much_as_the_limits_allow(chat: Chat) -> None:
    parts = [file("image/png", bytes(MAX_BYTES // 4)) for _ in range(4)]
    chunks_of(chat.post({"id": "u", "role": "user", "parts": parts}))
    assert len(chat.messages()[0]["parts"]) == 4


def test_it_does_not_count_files_it_has_already(chat: Chat) -> None:
    old = {"id": "u", "role": "user", "parts": [file("image/png")] * 4}
    chunks_of(chat.post(old))
    chunks_of(chat.post(old, {"id": "v", "role": "user", "parts": [file("image/png")] * 4}))
    assert [len(m["parts"]) for m in chat.messages() if m["role"] == "user"] == [4, 4]


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("get", "/chat", None, 405),
        ("post", "/chat/x/stream", {}, 405),
        ("delete", "/threads/x/messages", None, 405),
        ("get", "/threads/x/cancel", None, 405),
        ("post", "/chat", "{", 400),
        ("post", "/chat", "[]", 422),
        ("post", "/chat", {"messages": "none"}, 422),
        ("post", "/chat", {"messages": [1]}, 422),
        ("post", "/chat", {"messages": [user("hi")] * 30_001}, 422),
        ("post", "/chat", {"id": "x", "messages": [{"id": [], "role": "user"}]}, 400),
        ("post", "/chat", {"id": "a/b", "messages": []}, 400),
        ("post", "/chat", {"messages": [{**user("hi"), "id": "a/b"}]}, 400),
        ("post", "/threads/nobody/cancel", None, 404),
        ("post", "/threads/nobody/interrupt", None, 404),
        ("get", "/threads/x/messages?cursor=garbage", None, 400),
        ("get", "/threads/x/messages?limit=-1", None, 400),
    ],
)
def test_it_answers_every_error_in_json(
    chat: Chat, verb: str, path: str, body: Any, status: int
) -> None:
    Thread.objects.create(pk="x")
    sent = {} if verb == "get" else {"data": body, "content_type": "application/json"}
    ask = getattr(chat.api.client, verb)
    answer = ask(PREFIX + path, headers={"accept": "text/event-stream"}, **sent)
    assert answer.status_code == status, answer.content
    assert answer["content-type"] == "application/json"
    assert isinstance(answer.json()["error"], str)


def test_it_refuses_other_kinds_of_bodies(chat: Chat) -> None:
    answer = chat.api.client.post(f"{PREFIX}/chat", {"id": "x"})
    assert answer.status_code == 415
    assert answer.json()["error"]


# --- keys ---------------------------------------------------------------------------------------


@pytest.fixture
def closed(settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("post", "/chat"),
        ("post", "/threads/x/runs"),
        ("post", "/agents/x/runs"),
        ("get", "/chat/x/stream"),
        ("get", "/threads/x/stream"),
        ("get", "/threads/x/messages"),
        ("post", "/threads/x/cancel"),
        ("post", "/threads/x/interrupt"),
    ],
)
def test_it_refuses_a_stranger(chat: Chat, closed: None, verb: str, path: str) -> None:
    answer = getattr(Client(), verb)(PREFIX + path, content_type="application/json")
    assert answer.status_code == 401
    assert answer.json()["error"]


def test_it_lets_a_reader_read_and_not_write(chat: Chat, closed: None) -> None:
    chat.headers = bearer("read")
    assert chat.post(user("hi")).status_code == 403
    assert chat.stop("cancel").status_code == 403
    assert chat.resume().status_code == 204
    assert chat.messages() == []


def test_it_hides_the_threads_of_other_resources(chat: Chat, closed: None) -> None:
    chat.headers = bearer("run", "read", resource_id="alice")
    chat.say("hi", "u1")
    assert Thread.objects.get(pk=chat.id).resource_id == "alice"
    stranger = Chat(chat.api, chat.agent, chat.id, **bearer("run", "read", resource_id="bob"))
    assert stranger.post(user("let me in")).status_code == 404
    assert stranger.post(user("let me in", "u1"), messageId="u1").status_code == 404
    assert stranger.stop("cancel").status_code == 404
    assert stranger.stop("interrupt").status_code == 404
    assert stranger.resume().status_code == 204
    assert stranger.messages() == []
    assert chat.texts() == [("user", "hi"), ("assistant", "hi")]


def test_it_does_not_resume_the_stream_of_another_resource(
    engine: Engine, chat: Chat, closed: None
) -> None:
    gate = engine.gate()

    def hold() -> str:
        """Waits."""
        gate.wait(20)
        return "done"

    tool = engine.tool(hold)
    chat.agent = engine.agent("holds", [{"reply": [{"tool_call": {"name": tool}}]}], tools=[tool])
    chat.headers = bearer("run", "read", resource_id="alice")
    started = chat.post(user("hi"))
    run = Run.objects.get(thread_id=chat.id)
    engine.running(run.pk)
    stranger = Chat(chat.api, chat.agent, chat.id, **bearer("run", "read", resource_id="bob"))
    assert stranger.resume().status_code == 204
    assert stranger.stop("cancel").status_code == 404
    assert chat.stop("cancel").status_code == 202
    gate.set()
    assert chunks_of(started)[-1] == {"type": "abort"}
