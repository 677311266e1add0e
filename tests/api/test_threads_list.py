"""Pages of threads: order, filters, offsets and cursors."""

from datetime import timedelta
from typing import Any

import pytest

from agentserver.core.clock import now
from tests.api.conftest import JsonClient
from threads.models import Thread

pytestmark = pytest.mark.django_db


def make(count: int, **columns: Any) -> list[str]:
    """Ids from the newest to the oldest; every three share their time, so ids decide."""
    base = now()
    rows = [
        Thread(id=f"t{number:05}", updated_at=base - timedelta(seconds=number // 3), **columns)
        for number in range(count)
    ]
    Thread.objects.bulk_create(rows)
    return [row.pk for row in rows]


@pytest.mark.parametrize(("asked", "used"), [("0", 1), ("999", 200), ("2", 2), (None, 50)])
def test_it_clamps_the_limit_and_echoes_it(api: JsonClient, asked: str | None, used: int) -> None:
    make(210)
    answer = api.get("/v1/threads", **({"limit": asked} if asked else {})).json()
    assert answer["limit"] == used
    assert len(answer["items"]) == used
    assert answer["offset"] == 0
    assert answer["total"] == 210


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["-1", "abc", "", "1.5", "9" * 30, "٣"])
def test_it_answers_400_to_a_number_it_cannot_read(api: JsonClient, name: str, value: str) -> None:
    assert api.get("/v1/threads", **{name: value}).status_code == 400


def test_it_lists_the_newest_first_and_ties_by_id(api: JsonClient) -> None:
    ids = make(10)
    assert api.get("/v1/threads").json()["items"] == ids


def test_it_skips_to_an_offset(api: JsonClient) -> None:
    ids = make(10)
    answer = api.get("/v1/threads", offset=4, limit=3).json()
    assert answer["items"] == ids[4:7]
    assert (answer["offset"], answer["has_more"]) == (4, True)


def test_it_gives_an_empty_page_beyond_the_end(api: JsonClient) -> None:
    make(3)
    answer = api.get("/v1/threads", offset=10).json()
    assert (answer["items"], answer["has_more"], answer["next_cursor"]) == ([], False, None)
    assert answer["total"] == 3


def test_it_walks_the_whole_list_by_cursor(api: JsonClient) -> None:
    ids = make(25)
    seen, cursor, offsets = [], "", []
    while cursor is not None:
        answer = api.get("/v1/threads", limit=4, cursor=cursor).json()
        seen += answer["items"]
        offsets.append(answer["offset"])
        assert answer["has_more"] == (answer["next_cursor"] is not None)
        cursor = answer["next_cursor"]
    assert seen == ids
    assert offsets == [0, 4, 8, 12, 16, 20, 24]


def test_it_does_not_repeat_a_row_when_a_new_thread_comes_first(api: JsonClient) -> None:
    ids = make(6)
    first = api.get("/v1/threads", limit=3).json()
    Thread.objects.create(pk="new")
    second = api.get("/v1/threads", limit=3, cursor=first["next_cursor"]).json()
    assert second["items"] == ids[3:]


def test_it_takes_a_number_as_a_cursor(api: JsonClient) -> None:
    ids = make(5)
    answer = api.get("/v1/threads", cursor="2", offset="0", limit=2).json()
    assert answer["items"] == ids[2:4]


def test_it_refuses_a_cursor_of_other_filters(api: JsonClient) -> None:
    make(5)
    cursor = api.get("/v1/threads", limit=2).json()["next_cursor"]
    answer = api.get("/v1/threads", limit=2, cursor=cursor, root="true")
    assert answer.status_code == 400
    assert answer.json()["error"] == "cursor does not match thread query filters"


@pytest.mark.parametrize(
    "cursor",
    ["x", "thr_", "thr_AAAA", "msg_AAAA", "thr_é", "-1", "9" * 40, "0" * 20 + "9" * 5000],
)
def test_it_refuses_a_cursor_it_did_not_make(api: JsonClient, cursor: str) -> None:
    assert api.get("/v1/threads", cursor=cursor).status_code == 400


def test_it_refuses_a_cursor_with_a_changed_position(api: JsonClient) -> None:
    make(5)
    cursor = api.get("/v1/threads", limit=2).json()["next_cursor"]
    changed = cursor[:-3] + ("AAA" if cursor[-3:] != "AAA" else "BBB")
    assert api.get("/v1/threads", limit=2, cursor=changed).status_code == 400


def test_it_filters_by_resource_parent_and_root(api: JsonClient) -> None:
    parent = Thread.objects.create(pk="parent", resource_id="u")
    Thread.objects.create(pk="child", parent=parent)
    Thread.objects.create(pk="other")
    assert api.get("/v1/threads", resource_id="u").json()["items"] == ["parent"]
    assert api.get("/v1/threads", parentThreadId="parent").json()["items"] == ["child"]
    assert api.get("/v1/threads", root="true").json()["items"] == ["other", "parent"]


def test_it_refuses_root_with_a_parent(api: JsonClient) -> None:
    answer = api.get("/v1/threads", root="true", parent_thread_id="x")
    assert answer.status_code == 400
    assert answer.json()["error"] == "root=true cannot be combined with parentThreadId"


@pytest.mark.parametrize("position", ["first", "offset", "cursor"])
def test_it_needs_few_queries_wherever_the_page_lies(
    api: JsonClient, django_assert_max_num_queries: Any, position: str
) -> None:
    make(500)
    deep = api.get("/v1/threads", offset=395, limit=5).json()["next_cursor"]
    query = {"first": {}, "offset": {"offset": 400}, "cursor": {"cursor": deep}}[position]
    with django_assert_max_num_queries(3):
        assert len(api.get("/v1/threads", limit=50, **query).json()["items"]) == 50
