"""Writers at the same time, on the real database."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from agentserver.core.errors import Conflict
from config import registry, store
from config.models import Entry, EntryRevision, Snapshot
from tests.config.samples import PROVIDER, put

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 8


def together(action: Callable[[int], Any]) -> list[Any]:
    """The result or `Conflict` of each of `WRITERS` threads that start at the same moment."""
    barrier = threading.Barrier(WRITERS)
    found: list[Any] = [None] * WRITERS

    def work(number: int) -> None:
        barrier.wait()
        try:
            found[number] = action(number)
        except Conflict as error:
            found[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_it_lets_one_of_many_creators_win() -> None:
    found = together(lambda number: put("providers", PROVIDER, create_only=True))
    assert sum(isinstance(each, Entry) for each in found) == 1
    assert sum(isinstance(each, Conflict) for each in found) == WRITERS - 1


def test_it_lets_one_of_many_writers_of_a_revision_win() -> None:
    put("providers", PROVIDER)
    found = together(
        lambda number: put(
            "providers", {**PROVIDER, "timeout_secs": 10 + number}, expected_revision=1
        )
    )
    winner = next(each for each in found if isinstance(each, Entry))
    assert sum(isinstance(each, Conflict) for each in found) == WRITERS - 1
    assert Entry.objects.get().spec == winner.spec
    assert Entry.objects.get().revision == 2


def test_it_publishes_every_writers_document() -> None:
    found = together(lambda number: put("providers", {**PROVIDER, "id": f"p{number}"}))
    assert all(isinstance(each, Entry) for each in found)
    assert sorted(Snapshot.objects.values_list("version", flat=True)) == list(range(1, WRITERS + 1))
    assert registry.current().version == WRITERS
    assert len(registry.current().providers) == WRITERS


def test_it_counts_every_change_once() -> None:
    put("providers", PROVIDER)
    together(lambda number: put("providers", {**PROVIDER, "timeout_secs": 10 + number}))
    assert Entry.objects.get().revision == WRITERS + 1
    changes = EntryRevision.objects.filter(namespace="providers").values_list("revision", flat=True)
    assert sorted(changes) == list(range(1, WRITERS + 2))


def test_it_does_not_write_over_a_row_changed_behind_the_lock() -> None:
    entry = put("providers", PROVIDER)
    Entry.objects.update(revision=5)
    for write in (
        lambda: store.remove(entry, actor="alice"),
        lambda: store.save(entry, actor="alice", action=store.Action.UPDATE, before=None),
    ):
        with pytest.raises(Conflict) as caught:
            write()
        assert caught.value.details == {"revision": 5}
    assert Entry.objects.exists()
