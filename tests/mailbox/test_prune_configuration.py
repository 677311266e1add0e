"""Published configuration goes when no run can want it any more."""

from datetime import timedelta

import pytest

from agentserver.core.clock import now
from config.models import Snapshot
from runs import services
from runs.mailbox.submit import Queued
from runs.models import Run
from tests.mailbox import queue

pytestmark = pytest.mark.django_db


def publish(version: int, *, hours_ago: float) -> None:
    Snapshot.objects.create(
        version=version,
        fingerprint=str(version),
        compiled={},
        created_at=now() - timedelta(hours=hours_ago),
    )


def publish_old(versions: range) -> None:
    for version in versions:
        publish(version, hours_ago=1000 - version)


def left() -> list[int]:
    services.prune()
    return sorted(Snapshot.objects.values_list("version", flat=True))


def pin(version: int) -> Queued:
    return queue.enqueue(f"on version {version}", config_version=version)


def test_it_keeps_what_a_run_that_is_not_done_was_started_with() -> None:
    publish_old(range(1, 11))
    waiting, running, ended = pin(1), pin(2), pin(3)
    Run.objects.filter(pk=waiting.run.pk).update(status=Run.Status.WAITING)
    Run.objects.filter(pk=running.run.pk).update(status=Run.Status.RUNNING)
    Run.objects.filter(pk=ended.run.pk).update(status=Run.Status.DONE, finished_at=now())
    pin(4)
    assert left() == [1, 2, 4, 6, 7, 8, 9, 10]


def test_it_drops_a_version_once_its_last_run_is_done() -> None:
    publish_old(range(1, 7))
    pin(1)
    assert left() == [1, 2, 3, 4, 5, 6]
    Run.objects.update(status=Run.Status.DONE, finished_at=now())
    assert left() == [2, 3, 4, 5, 6]


def test_it_keeps_what_was_replaced_less_than_a_day_ago() -> None:
    publish_old(range(1, 4))
    publish(4, hours_ago=23)
    for version in range(5, 12):
        publish(version, hours_ago=1)
    assert left() == list(range(3, 12))
