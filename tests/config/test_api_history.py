"""Revisions, restoring one, and the audit log."""

from typing import Any

import pytest

from config.models import EntryRevision
from tests.config.conftest import ConfigClient
from tests.config.samples import PROVIDER, put, put_chain

pytestmark = pytest.mark.django_db

OPENAI = "/v1/config/providers/openai"


@pytest.fixture
def five(api: ConfigClient) -> ConfigClient:
    """There is a provider ``openai`` at revision 5."""
    for seconds in range(1, 6):
        put("providers", {**PROVIDER, "timeout_secs": seconds})
    return api


def pages(api: ConfigClient, path: str, **query: Any) -> list[list[int]]:
    """The revisions on each page, following the cursors."""
    found = []
    while True:
        page = api.get(path, **query).json()
        found.append([item["revision"] for item in page["items"]])
        if not page["has_more"]:
            return found
        query["cursor"] = page["next_cursor"]


def test_it_lists_revisions_page_by_page(five: ConfigClient) -> None:
    assert pages(five, f"{OPENAI}/revisions", limit=2) == [[5, 4], [3, 2], [1]]


def test_it_shows_each_change(five: ConfigClient) -> None:
    item = five.get(f"{OPENAI}/revisions", limit=1).json()["items"][0]
    assert item.pop("before")["timeout_secs"] == 4
    assert item.pop("after")["timeout_secs"] == 5
    assert item.pop("at") > 1_700_000_000_000
    assert item == {
        "namespace": "providers",
        "id": "openai",
        "revision": 5,
        "action": "update",
        "actor": "alice",
    }


def test_it_remembers_a_deleted_document(five: ConfigClient) -> None:
    five.delete(OPENAI)
    item = five.get(f"{OPENAI}/revisions").json()["items"][0]
    assert (item["action"], item["after"]) == ("delete", None)


def test_it_knows_no_history_of_what_never_was(api: ConfigClient) -> None:
    answer = api.get("/v1/config/agents/foo/revisions")
    assert (answer.status_code, answer.json()["error"]) == (404, "agents/foo")


def test_it_refuses_a_cursor_of_another_entry(five: ConfigClient) -> None:
    put("providers", {**PROVIDER, "id": "other"})
    cursor = five.get(f"{OPENAI}/revisions", limit=2).json()["next_cursor"]
    answer = five.get("/v1/config/providers/other/revisions", cursor=cursor)
    assert answer.status_code == 400


def test_it_restores_a_revision(five: ConfigClient) -> None:
    answer = five.post(f"{OPENAI}/restore", {"revision": 2})
    assert answer.status_code == 200
    assert (answer.json()["timeout_secs"], answer.json()["revision"]) == (2, 6)
    assert answer["ETag"] == '"6"'
    newest = five.get(f"{OPENAI}/revisions", limit=1).json()["items"][0]
    assert (newest["action"], newest["actor"]) == ("restore", "anonymous")


def test_it_restores_a_deleted_document(five: ConfigClient) -> None:
    five.delete(OPENAI)
    assert five.post(f"{OPENAI}/restore", {"revision": 6}).json()["timeout_secs"] == 5
    assert five.get(OPENAI).status_code == 200


def test_it_validates_what_it_restores(api: ConfigClient) -> None:
    put_chain()
    api.delete("/v1/config/agents/assistant")
    api.delete("/v1/config/models/default")
    answer = api.post("/v1/config/agents/assistant/restore", {"revision": 1})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("resolve failed: model not found: default")


def test_it_refuses_a_stale_restore(five: ConfigClient) -> None:
    answer = five.post(f"{OPENAI}/restore", {"revision": 1}, if_match='"4"')
    assert (answer.status_code, answer.json()["revision"]) == (409, 5)


def test_it_restores_only_what_was_recorded(five: ConfigClient) -> None:
    answer = five.post(f"{OPENAI}/restore", {"revision": 9})
    assert answer.status_code == 404
    assert answer.json()["error"] == "not found: providers/openai revision 9"


@pytest.mark.parametrize("body", [{}, {"revision": 0}, {"revision": "x"}, {"revision": 2**63}])
def test_it_wants_a_revision(five: ConfigClient, body: object) -> None:
    answer = five.post(f"{OPENAI}/restore", body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("invalid payload: revision: ")


# --- audit log -----------------------------------------------------------------------------------
def test_it_logs_changes_and_publications(api: ConfigClient) -> None:
    put_chain()
    found = api.get("/v1/audit-log").json()
    assert found["total"] == 6
    assert [(item["action"], item["id"]) for item in found["items"]] == [
        ("publish", ""),
        ("create", "assistant"),
        ("publish", ""),
        ("create", "default"),
        ("publish", ""),
        ("create", "openai"),
    ]


def test_it_filters_the_log(api: ConfigClient) -> None:
    put_chain()
    api.patch("/v1/config/agents/assistant", {"max_rounds": 3})

    def ids(**query: Any) -> list[str]:
        return [item["id"] for item in api.get("/v1/audit-log", **query).json()["items"]]

    assert ids(namespace="models") == ["default"]
    assert ids(id="assistant") == ["assistant", "assistant"]
    assert ids(id="assistant", action="update") == ["assistant"]
    assert ids(actor="anonymous") == ["", "assistant"]
    assert ids(actor="nobody") == []


def test_it_filters_the_log_by_time(api: ConfigClient) -> None:
    put("providers", PROVIDER)
    row = EntryRevision.objects.get(action="create")
    EntryRevision.objects.exclude(pk=row.pk).delete()
    at = api.get("/v1/audit-log").json()["items"][0]["at"]
    totals = [
        api.get("/v1/audit-log", **query).json()["total"]
        for query in ({"since": at}, {"since": at + 1}, {"until": at}, {"until": at + 1})
    ]
    assert totals == [1, 0, 0, 1]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": 10**18},
        {"action": "explode"},
        {"namespace": "foo"},
        {"cursor": "x"},
        {"limit": -1},
    ],
)
def test_it_refuses_filters_it_cannot_read(api: ConfigClient, query: dict[str, Any]) -> None:
    assert api.get("/v1/audit-log", **query).status_code == 400


def test_it_pages_through_the_log(five: ConfigClient) -> None:
    found = pages(five, "/v1/audit-log", limit=2, namespace="providers")
    assert found == [[5, 4], [3, 2], [1]]


def test_it_gives_up_to_a_thousand_rows_of_the_log(api: ConfigClient) -> None:
    EntryRevision.objects.bulk_create(
        EntryRevision(namespace="agents", key="a", revision=number, action="update")
        for number in range(1, 1003)
    )
    assert len(api.get("/v1/audit-log", limit=5000).json()["items"]) == 1000
    assert len(api.get("/v1/audit-log", limit=0).json()["items"]) == 1
    assert len(api.get("/v1/audit-log").json()["items"]) == 50


def test_it_reads_history_without_decrypting_it(five: ConfigClient) -> None:
    EntryRevision.objects.update(full="broken")
    assert five.get(f"{OPENAI}/revisions").status_code == 200
    answer = five.post(f"{OPENAI}/restore", {"revision": 1})
    assert (answer.status_code, answer.json()["code"]) == (500, "secret_unreadable")
