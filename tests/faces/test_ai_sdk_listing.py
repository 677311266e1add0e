"""The listing: pages, filters, and what it hides."""

from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from runs import services
from runs.models import Run, RunEvents
from runs.services import Input, Mode
from tests.api.conftest import JsonClient
from tests.engine_fixture import Engine
from tests.faces.ai_sdk_chat import PREFIX, Chat, HeldChat, chunks_of, shown, user
from threads.models import Thread
from threads.services import NewMessage, append_messages

ECHO = [{"reply": [{"text": "{{last_user}}", "chunks": 2}]}]
TWO_STEPS: list[dict[str, Any]] = [
    {"when": {"turn": 1}, "reply": [{"text": "ok"}]},
    {"reply": [{"text": "I look."}, {"tool_call": {"name": "hold"}}]},
]


@pytest.fixture
def chat(engine: Engine, api: JsonClient) -> Chat:
    return Chat(api, engine.agent("echo", ECHO))


@pytest.fixture
def held(engine: Engine, api: JsonClient) -> HeldChat:
    """A chat whose agent speaks, then holds in a tool until the gate of the engine opens."""
    gate = engine.gate()

    def hold() -> str:
        """Waits."""
        gate.wait(20)
        return "held"

    chat = HeldChat(api, engine.agent("holds", TWO_STEPS, tools=[engine.tool(hold)]))
    chat.gate = gate
    return chat


def said(text: str) -> NewMessage:
    return NewMessage(role="user", content=[{"type": "text", "text": text}])


# --- pages --------------------------------------------------------------------------------------


def test_it_counts_ui_messages(held: HeldChat) -> None:
    held.release()
    held.say("hi")
    page = held.page()
    assert (page["total"], page["has_more"], page["next_cursor"]) == (2, False, None)
    assert [part["type"] for part in page["messages"][1]["parts"]] == [
        "step-start", "text", "tool-hold", "step-start", "text",
    ]  # fmt: skip


def test_it_pages_with_cursors(chat: Chat) -> None:
    for text in ("one", "two"):
        chat.say(text)
    seen: list[Any] = []
    cursor = ""
    for _ in range(4):
        page = chat.page(limit=1, cursor=cursor)
        seen += page["messages"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == chat.messages()


def test_it_pages_backwards(chat: Chat) -> None:
    for text in ("one", "two"):
        chat.say(text)
    page = chat.page(limit=3, order="desc")
    rest = chat.page(limit=3, order="desc", cursor=page["next_cursor"])
    assert page["messages"] + rest["messages"] == chat.messages()[::-1]


def test_it_takes_offsets_and_bare_numbers(chat: Chat) -> None:
    for text in ("one", "two"):
        chat.say(text)
    assert chat.messages(offset=3) == chat.messages()[3:]
    assert chat.messages(cursor="2") == chat.messages()[2:]
    assert chat.messages(offset=9) == []


def test_it_clamps_the_limit(chat: Chat) -> None:
    chat.say("one")
    assert len(chat.messages(limit=0)) == 1
    assert len(chat.messages(limit=9999)) == 2


def test_it_refuses_the_cursor_of_another_order(chat: Chat) -> None:
    chat.say("one")
    cursor = chat.page(limit=1)["next_cursor"]
    answer = chat.api.get(
        f"{PREFIX}/threads/{chat.id}/messages", limit=1, cursor=cursor, order="desc"
    )
    assert answer.status_code == 400


def test_it_filters_by_run_and_by_number(chat: Chat) -> None:
    chat.say("one")
    chat.say("two")
    run = Run.objects.order_by("-turn").first()
    assert run is not None
    assert [text for _, text in chat.texts(run_id=run.pk)] == ["two", "two"]
    assert [text for _, text in chat.texts(after=2)] == ["two", "two"]
    assert [text for _, text in chat.texts(before=3)] == ["one", "one"]


def test_it_lists_an_unknown_thread_as_empty(chat: Chat) -> None:
    assert chat.page() == {"messages": [], "total": 0, "has_more": False, "next_cursor": None}


def test_it_needs_few_queries_for_a_page(chat: Chat, django_assert_max_num_queries: Any) -> None:
    for text in ("one", "two", "three"):
        chat.say(text)
    with django_assert_max_num_queries(12):
        assert len(chat.messages()) == 6


# --- what is being written ----------------------------------------------------------------------


def test_it_hides_the_message_being_written_and_resumes_it(held: HeldChat) -> None:
    started = held.post(user("hi"))
    held.until_held()
    assert held.texts() == [("user", "hi")]
    resumed = held.resume()
    held.release()
    assert chunks_of(resumed) == chunks_of(started)
    assert held.texts() == [("user", "hi"), ("assistant", "I look.ok")]
    assert held.resume().status_code == 204


def test_it_lists_queued_messages_after_the_answer_before_them(
    engine: Engine, held: HeldChat
) -> None:
    started = held.post(user("hi"))
    held.until_held()
    queued = services.submit(
        Input(
            principal=ANONYMOUS, thread_id=held.id, messages=[said("and then?")],
            agent_id="holds", mode=Mode.QUEUE,
        )
    )  # fmt: skip
    held.release()
    assert shown(chunks_of(started)) == "I look.ok"
    engine.finished(queued.run.pk)
    assert [role for role, _ in held.texts()] == ["user", "assistant", "user", "assistant"]


def test_it_lists_a_steered_message_before_the_answer_it_joined(held: HeldChat) -> None:
    started = held.post(user("hi"))
    held.until_held()
    services.submit(
        Input(
            principal=ANONYMOUS, thread_id=held.id, messages=[said("be quick")],
            agent_id="holds", mode=Mode.STEER,
        )
    )  # fmt: skip
    held.release()
    chunks_of(started)
    assert [role for role, _ in held.texts()] == ["user", "user", "assistant"]


# --- messages of other origins ------------------------------------------------------------------


def test_it_lists_messages_that_no_run_made(chat: Chat) -> None:
    thread = Thread.objects.create(pk=chat.id)
    calls = [{"id": "c", "name": "look", "arguments": {"at": "x"}}]
    image = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    append_messages(
        thread=thread,
        messages=[
            NewMessage(role="system", content=[{"type": "text", "text": "be kind"}], id="s"),
            NewMessage(role="user", content=[image], id="u"),
            NewMessage(
                role="assistant", content=[{"type": "text", "text": "hm"}], tool_calls=calls, id="a"
            ),
        ],
    )
    system, asked, answered = chat.messages()
    assert system["parts"] == [{"type": "text", "text": "be kind"}]
    assert asked["parts"][0] == {
        "type": "file",
        "mediaType": "image/png",
        "url": "https://x.example/a.png",
    }
    assert [part["type"] for part in answered["parts"]] == ["text", "tool-look"]


def test_it_lists_data_and_file_names(chat: Chat) -> None:
    thread = Thread.objects.create(pk=chat.id)
    data = {"type": "data", "data": {"n": 2**53 + 1, "none": None}}
    source = {"type": "base64", "media_type": "text/plain", "data": "eA=="}
    paper = {"type": "document", "source": source, "name": "a.txt"}
    append_messages(
        thread=thread,
        messages=[
            NewMessage(role="user", content=[data, paper], id="u"),
            NewMessage(role="assistant", content=[data], id="a"),
        ],
    )
    asked, answered = chat.messages()
    shown = {"type": "data-json", "data": {"n": 2**53 + 1, "none": None}}
    url = "data:text/plain;base64,eA=="
    file = {"type": "file", "mediaType": "text/plain", "url": url, "filename": "a.txt"}
    assert asked["parts"] == [shown, file]
    assert answered["parts"] == [shown]


def test_it_lists_a_run_without_a_log_from_its_messages(held: HeldChat) -> None:
    held.release()
    held.say("hi")
    with_log = held.messages()[1]
    RunEvents.objects.all().delete()
    without = held.messages()[1]
    assert without["id"] == with_log["id"]
    assert [part["type"] for part in without["parts"]] == [
        part["type"] for part in with_log["parts"]
    ]
    assert without["parts"][2]["state"] == "output-available"
