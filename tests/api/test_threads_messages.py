"""The message history of a thread over HTTP."""

from typing import Any

import pytest

from tests.api.conftest import JsonClient
from threads.api.wire import MessageBody
from threads.content import text_block, text_of
from threads.models import Thread
from threads.services import NewMessage, append_messages

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread() -> Thread:
    return Thread.objects.create(pk="t")


def say(thread: Thread, *texts: str, run_id: str = "", **columns: Any) -> None:
    messages = [NewMessage(role="user", content=[text_block(text)], **columns) for text in texts]
    append_messages(thread=thread, messages=messages, run_id=run_id)


def history(api: JsonClient, **query: Any) -> dict[str, Any]:
    answer = api.get("/v1/threads/t/messages", **query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    for message in found["messages"]:
        MessageBody.model_validate(message)
    return found


def texts(page: dict[str, Any]) -> list[str]:
    return [text_of(message["content"]) for message in page["messages"]]


def test_it_is_empty_for_a_thread_without_messages(api: JsonClient, thread: Thread) -> None:
    assert history(api) == {"messages": [], "total": 0, "has_more": False, "next_cursor": None}


def test_it_lists_in_the_order_of_appending(api: JsonClient, thread: Thread) -> None:
    say(thread, "a", "b")
    say(thread, "c")
    assert texts(history(api)) == ["a", "b", "c"]


def test_it_leaves_out_what_a_message_does_not_have(api: JsonClient, thread: Thread) -> None:
    say(thread, "a")
    (message,) = history(api)["messages"]
    assert set(message) == {"id", "role", "content"}


def test_it_shows_tool_calls_and_their_results(api: JsonClient, thread: Thread) -> None:
    call = {"id": "call_1", "name": "search", "arguments": {"q": "rome"}}
    asked = NewMessage(role="assistant", content=[], tool_calls=[call], step_index=0)
    result = NewMessage(role="tool", content=[text_block("ok")], tool_call_id="call_1")
    append_messages(thread=thread, messages=[asked, result], run_id="r1")
    first, second = history(api)["messages"]
    assert first["tool_calls"] == [call]
    assert first["metadata"] == {"run_id": "r1", "step_index": 0}
    assert second["tool_call_id"] == "call_1"


@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        (None, ["a", "c"]),
        ("external", ["a", "c"]),
        ("whatever", ["a", "c"]),
        ("internal", ["b"]),
        ("all", ["a", "b", "c"]),
        ("ALL", ["a", "b", "c"]),
    ],
)
def test_it_hides_internal_messages_unless_asked(
    api: JsonClient, thread: Thread, visibility: str | None, expected: list[str]
) -> None:
    say(thread, "a")
    say(thread, "b", visibility="internal")
    say(thread, "c")
    page = history(api, **({"visibility": visibility} if visibility else {}))
    assert texts(page) == expected
    assert page["total"] == len(expected)
    marks = [message.get("visibility") for message in page["messages"]]
    assert marks == ["internal" if text == "b" else None for text in expected]


def test_it_pages_by_offset(api: JsonClient, thread: Thread) -> None:
    say(thread, *(str(number) for number in range(10)))
    page = history(api, offset=3, limit=4)
    assert texts(page) == ["3", "4", "5", "6"]
    assert (page["total"], page["has_more"]) == (10, True)


def test_it_counts_only_what_it_shows_for_an_offset(api: JsonClient, thread: Thread) -> None:
    for number in range(6):
        say(thread, str(number), visibility="internal" if number % 2 else "all")
    page = history(api, offset=1, limit=1)
    assert texts(page) == ["2"]
    assert page["total"] == 3


def test_it_takes_a_number_as_a_cursor(api: JsonClient, thread: Thread) -> None:
    say(thread, *"01234")
    page = history(api, cursor=1, limit=2)
    assert texts(page) == ["1", "2"]
    assert texts(history(api, cursor=page["next_cursor"], limit=2)) == ["3", "4"]


def test_it_gives_an_empty_page_beyond_the_end(api: JsonClient, thread: Thread) -> None:
    say(thread, "a")
    page = history(api, offset=5)
    assert (page["messages"], page["has_more"], page["total"]) == ([], False, 1)


def test_it_filters_by_run_bounds_and_order(api: JsonClient, thread: Thread) -> None:
    say(thread, "a", "b", run_id="r1")
    say(thread, "c", run_id="r2")
    say(thread, "d", "e", run_id="r1")
    assert texts(history(api, runId="r1", after=1, order="desc")) == ["e", "d", "b"]
    assert texts(history(api, run_id="r1", before=5)) == ["a", "b", "d"]


def test_it_walks_backwards_by_cursor(api: JsonClient, thread: Thread) -> None:
    say(thread, *"abcde")
    first = history(api, order="desc", limit=2)
    second = history(api, order="desc", limit=2, cursor=first["next_cursor"])
    assert texts(first) + texts(second) == ["e", "d", "c", "b"]


@pytest.mark.parametrize(
    "other", [{"order": "desc"}, {"visibility": "all"}, {"after": 1}, {"run_id": "r"}]
)
def test_it_refuses_a_cursor_of_other_filters(
    api: JsonClient, thread: Thread, other: dict[str, Any]
) -> None:
    say(thread, *"abc")
    cursor = history(api, limit=1)["next_cursor"]
    answer = api.get("/v1/threads/t/messages", cursor=cursor, limit=1, **other)
    assert answer.status_code == 400
    assert answer.json()["error"] == "cursor does not match message query filters"


def test_it_refuses_a_cursor_of_another_thread(api: JsonClient, thread: Thread) -> None:
    other = Thread.objects.create(pk="u")
    say(other, *"abc")
    cursor = api.get("/v1/threads/u/messages", limit=1).json()["next_cursor"]
    assert api.get("/v1/threads/t/messages", cursor=cursor).status_code == 400


@pytest.mark.parametrize(
    "query", [{"order": "up"}, {"after": "x"}, {"before": -1}, {"cursor": "?"}]
)
def test_it_answers_400_to_a_query_it_cannot_read(
    api: JsonClient, thread: Thread, query: dict[str, Any]
) -> None:
    assert api.get("/v1/threads/t/messages", **query).status_code == 400


@pytest.mark.parametrize("position", ["first", "offset", "cursor"])
def test_it_needs_few_queries_wherever_the_page_lies(
    api: JsonClient, thread: Thread, django_assert_max_num_queries: Any, position: str
) -> None:
    say(thread, *(str(number) for number in range(500)))
    deep = history(api, offset=395, limit=5)["next_cursor"]
    query = {"first": {}, "offset": {"offset": 400}, "cursor": {"cursor": deep}}[position]
    with django_assert_max_num_queries(4):
        assert len(history(api, limit=50, **query)["messages"]) == 50
