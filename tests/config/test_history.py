"""Who did what, and putting an old document back."""

import pytest
from django.db import IntegrityError, transaction

from agentserver.core.errors import BadRequest, Conflict, NotFound
from config import registry
from config.models import Entry, EntryRevision
from config.selectors import get_entry
from config.services import delete_entry, restore_revision
from tests.config.samples import AGENT, PROVIDER, publish_changes, put, put_chain

pytestmark = pytest.mark.django_db


def restore(namespace: str, key: str, revision: int) -> Entry:
    return restore_revision(namespace=namespace, key=key, revision=revision, actor="bob")


def history() -> list[EntryRevision]:
    """Of the provider, newest first."""
    rows = EntryRevision.objects.filter(namespace="providers", key="openai")
    return list(rows.order_by("-revision"))


def test_it_records_each_change_redacted() -> None:
    put("providers", {**PROVIDER, "api_key": "sk-hidden"})
    put("providers", {**PROVIDER, "timeout_secs": 5})
    newest, first = history()
    assert (first.action, first.actor, first.before) == ("create", "alice", None)
    assert (newest.action, newest.revision) == ("update", 2)
    assert newest.before == first.after
    assert newest.after["timeout_secs"] == 5
    assert newest.after["has_api_key"] is True


def test_it_records_a_deletion() -> None:
    put("providers", PROVIDER)
    delete_entry(namespace="providers", key="openai", actor="bob")
    newest = history()[0]
    assert (newest.action, newest.actor, newest.after) == ("delete", "bob", None)
    assert newest.before["adapter"] == "openai"


def test_it_records_each_publication() -> None:
    put_chain()
    found = EntryRevision.objects.filter(action="publish").order_by("revision")
    assert [row.revision for row in found] == [1, 2, 3]


def test_it_puts_an_old_document_back_with_its_secret() -> None:
    put("providers", {**PROVIDER, "api_key": "sk-old"})
    put("providers", {**PROVIDER, "api_key": "sk-new", "timeout_secs": 5})
    assert restore("providers", "openai", 1).revision == 3
    publish_changes()
    provider = registry.current().provider_with_secrets("openai")
    assert (provider.api_key, provider.timeout_secs) == ("sk-old", 300)
    assert history()[0].action == "restore"


def test_it_puts_a_deleted_document_back() -> None:
    put("providers", {**PROVIDER, "timeout_secs": 5})
    delete_entry(namespace="providers", key="openai", actor="bob")
    restore("providers", "openai", 2)
    assert get_entry("providers", "openai").spec["timeout_secs"] == 5


def test_it_publishes_what_it_puts_back() -> None:
    put_chain()
    put("agents", {**AGENT, "max_rounds": 3})
    restore("agents", "assistant", 1)
    registry.forget()
    assert registry.current().agent("assistant").max_rounds == 16


def test_it_does_not_put_back_what_no_longer_fits() -> None:
    put_chain()
    delete_entry(namespace="agents", key="assistant", actor="bob")
    delete_entry(namespace="models", key="default", actor="bob")
    with pytest.raises(BadRequest, match="model not found: default"):
        restore("agents", "assistant", 1)
    assert not Entry.objects.filter(namespace="agents").exists()


def test_it_knows_only_recorded_revisions() -> None:
    with pytest.raises(NotFound, match="not found: agents/assistant revision 4"):
        restore("agents", "assistant", 4)


def test_it_refuses_a_stale_restore() -> None:
    put("providers", PROVIDER)
    with pytest.raises(Conflict):
        restore_revision(
            namespace="providers", key="openai", revision=1, actor="bob", expected_revision=9
        )


def test_the_database_keeps_one_row_per_name() -> None:
    put("providers", PROVIDER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(namespace="providers", key="openai", spec={})
