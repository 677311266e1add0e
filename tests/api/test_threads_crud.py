"""Creating, reading and changing threads over HTTP."""

import uuid
from typing import Any

import pytest

from tests.api.conftest import JsonClient
from threads.api.wire import ThreadBody
from threads.models import Thread

pytestmark = pytest.mark.django_db


def create(api: JsonClient, **body: Any) -> dict[str, Any]:
    answer = api.post("/v1/threads", body)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    ThreadBody.model_validate(found)
    return found


def test_it_creates_a_thread_with_a_title(api: JsonClient) -> None:
    thread = create(api, title="Trip to Rome")
    assert uuid.UUID(thread["id"]).version == 7
    assert thread["metadata"]["title"] == "Trip to Rome"
    assert thread["metadata"]["created_at"] == thread["metadata"]["updated_at"]
    assert thread["metadata"]["created_at"] > 1_600_000_000_000
    assert "custom" not in thread["metadata"]


def test_it_takes_an_empty_body_for_an_empty_object(api: JsonClient) -> None:
    answer = api.client.generic("POST", "/v1/threads")
    assert answer.status_code == 201
    assert set(answer.json()["metadata"]) == {"created_at", "updated_at"}


def test_it_makes_a_new_thread_each_time(api: JsonClient) -> None:
    assert len({create(api)["id"] for _ in range(5)}) == 5


def test_it_takes_both_spellings_and_trims_them(api: JsonClient) -> None:
    parent = create(api, resourceId=" user-1 ")
    child = create(api, parentThreadId=parent["id"], resource_id="  ")
    assert parent["resource_id"] == "user-1"
    assert child["parent_thread_id"] == parent["id"]
    assert "resource_id" not in child


def test_it_takes_custom_members_and_metadata(api: JsonClient) -> None:
    thread = create(api, metadata={"title": "T", "a": 1, "custom": {"b": 2}}, custom={"c": None})
    assert thread["metadata"]["title"] == "T"
    assert thread["metadata"]["custom"] == {"a": 1, "b": 2, "c": None}


def test_it_refuses_an_unknown_parent_and_creates_nothing(api: JsonClient) -> None:
    answer = api.post("/v1/threads", {"parent_thread_id": "nobody"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "parent thread not found: nobody"
    assert not Thread.objects.exists()


def test_it_reads_a_thread_back(api: JsonClient) -> None:
    thread = create(api, title="Rome", custom={"env": "prod", "priority": 2})
    assert api.get(f"/v1/threads/{thread['id']}").json() == thread


@pytest.mark.parametrize("path", ["", "/messages"])
def test_it_answers_404_for_an_unknown_thread(api: JsonClient, path: str) -> None:
    answer = api.get(f"/v1/threads/nobody{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "thread not found: nobody"


@pytest.mark.parametrize("alias", ["", "/metadata"])
def test_it_merges_custom_members(api: JsonClient, alias: str) -> None:
    thread = create(api, title="Rome", custom={"kept": {"a": 1}, "replaced": {"a": 1}})
    changes = {"custom": {"replaced": {"b": 2}, "foo": "bar", "count": 42, "none": None}}
    answer = api.patch(f"/v1/threads/{thread['id']}{alias}", changes)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["custom"] == {
        "kept": {"a": 1}, "replaced": {"b": 2}, "foo": "bar", "count": 42, "none": None,
    }  # fmt: skip
    assert answer.json()["metadata"]["title"] == "Rome"
    assert api.get(f"/v1/threads/{thread['id']}").json() == answer.json()


def test_it_replaces_the_title_and_cannot_clear_it(api: JsonClient) -> None:
    thread = create(api, title="old")
    path = f"/v1/threads/{thread['id']}"
    assert api.patch(path, {"title": "new"}).json()["metadata"]["title"] == "new"
    assert api.patch(path, {"title": None}).json()["metadata"]["title"] == "new"


def test_it_moves_updated_at_with_every_patch(api: JsonClient) -> None:
    thread = create(api)
    Thread.objects.update(updated_at="2020-01-01T00:00:00Z")
    changed = api.patch(f"/v1/threads/{thread['id']}", {}).json()
    assert changed["metadata"]["updated_at"] >= thread["metadata"]["updated_at"]
    assert changed["metadata"]["created_at"] == thread["metadata"]["created_at"]


def test_it_answers_404_to_a_patch_of_an_unknown_thread(api: JsonClient) -> None:
    assert api.patch("/v1/threads/nobody", {"title": "x"}).status_code == 404
    assert not Thread.objects.exists()


def test_it_clears_ids_by_null_and_keeps_them_by_blank(api: JsonClient) -> None:
    parent = create(api)
    thread = create(api, resource_id="u", parent_thread_id=parent["id"])
    path = f"/v1/threads/{thread['id']}"
    kept = api.patch(path, {"resource_id": " ", "parentThreadId": ""}).json()
    assert (kept["resource_id"], kept["parent_thread_id"]) == ("u", parent["id"])
    cleared = api.patch(path, {"resourceId": None, "parent_thread_id": None}).json()
    assert "resource_id" not in cleared
    assert "parent_thread_id" not in cleared


def test_it_refuses_a_cycle_of_parents(api: JsonClient) -> None:
    first = create(api)
    second = create(api, parent_thread_id=first["id"])
    third = create(api, parent_thread_id=second["id"])
    for parent in (first, third):
        answer = api.patch(f"/v1/threads/{first['id']}", {"parent_thread_id": parent["id"]})
        assert answer.status_code == 400
        assert "cycle detected" in answer.json()["error"]
    assert Thread.objects.get(pk=first["id"]).parent_id is None


def test_it_reads_a_thread_and_its_runs_with_three_queries(
    api: JsonClient, django_assert_num_queries: Any
) -> None:
    thread = create(api)
    with django_assert_num_queries(3):
        api.get(f"/v1/threads/{thread['id']}")
