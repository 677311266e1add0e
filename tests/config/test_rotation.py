"""Moving stored secrets to a new key, and dropping old snapshots."""

from datetime import timedelta

import pytest
from django.test import override_settings

from agentserver.core.clock import now
from agentserver.core.secrets import SecretUnreadableError
from config import registry
from config.models import Entry, Snapshot
from config.rotation import prune_snapshots, reencrypt_secrets
from config.services import restore_revision
from tests.config.samples import PROVIDER, publish_changes, put

pytestmark = pytest.mark.django_db


def key_at(version: int) -> str | None:
    registry.forget()
    return registry.at(version).provider_with_secrets("openai").api_key


def test_it_makes_the_old_key_dispensable() -> None:
    with override_settings(SECRET_KEY="old"):
        put("providers", {**PROVIDER, "api_key": "sk-one"})
        put("providers", {**PROVIDER, "api_key": "sk-two"})
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert reencrypt_secrets() == 5
    with override_settings(SECRET_KEY="new"):
        assert (key_at(1), key_at(2)) == ("sk-one", "sk-two")
        restore_revision(namespace="providers", key="openai", revision=1, actor="alice")
        assert key_at(3) == "sk-one"


def test_it_publishes_nothing() -> None:
    put("providers", {**PROVIDER, "api_key": "sk-one"})
    reencrypt_secrets()
    assert publish_changes() == 1


def test_it_changes_nothing_when_one_secret_is_unreadable() -> None:
    put("providers", {**PROVIDER, "api_key": "sk-one"})
    before = Entry.objects.get().secrets
    with override_settings(SECRET_KEY="new"), pytest.raises(SecretUnreadableError):
        reencrypt_secrets()
    assert Entry.objects.get().secrets == before


def published(*days_ago: int) -> None:
    """One version after another, each that many days old."""
    for seconds, days in enumerate(days_ago, start=1):
        put("providers", {**PROVIDER, "timeout_secs": seconds})
        Snapshot.objects.filter(version=seconds).update(created_at=now() - timedelta(days=days))


def left() -> set[int]:
    return set(Snapshot.objects.values_list("version", flat=True))


def test_it_drops_replaced_snapshots_but_the_newest_and_those_to_keep() -> None:
    published(*range(19, 10, -1))
    assert prune_snapshots(keep={2}, before=now()) == 3
    assert left() == {2, 5, 6, 7, 8, 9}


def test_it_leaves_a_snapshot_that_was_live_until_a_moment_ago() -> None:
    published(9, 8, 7, 0, 0, 0, 0, 0)
    assert prune_snapshots(keep=set(), before=now() - timedelta(days=1)) == 2
    assert left() == {3, 4, 5, 6, 7, 8}


def test_it_leaves_recent_snapshots() -> None:
    published(0, 0, 0, 0, 0, 0, 0)
    assert prune_snapshots(keep=set(), before=now() - timedelta(seconds=60)) == 0
