"""When a run's status changed: at every change of it, and at nothing else."""

import importlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from agentserver.access.principal import ANONYMOUS
from agentserver.core.clock import now
from agentserver.core.errors import NotFound
from runs import services
from runs.mailbox import claim as claims
from runs.mailbox import sweep
from runs.mailbox.claim import Claim
from runs.models import Run, run
from runs.services import Decided
from tests.mailbox import queue

Observed = list[tuple[str, datetime]]


@pytest.fixture(autouse=True)
def _seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change of a status comes a second after the one before."""
    start = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    moments: Iterator[datetime] = (start + timedelta(seconds=n) for n in range(1000))
    monkeypatch.setattr(run, "now", lambda: next(moments))


def test_it_is_in_whole_milliseconds() -> None:
    queued = queue.enqueue()
    assert queue.run_of(queued).status_changed_at.microsecond == 678_000


def decide(run_id: str) -> None:
    services.submit_decision(
        principal=ANONYMOUS,
        any_id=run_id,
        decided=Decided(reference="perm_c1", action="resume"),
        missing=NotFound("missing"),
    )


def cancel(claimed: Claim | str) -> None:
    run_id = claimed if isinstance(claimed, str) else claimed.run.pk
    services.cancel(principal=ANONYMOUS, any_id=run_id, missing=NotFound("missing"))


def forget(claimed: Claim) -> None:
    Run.objects.filter(pk=claimed.run.pk).update(expires_at=now() - timedelta(seconds=1))
    sweep.end_expired_suspensions()


def lose(claimed: Claim) -> None:
    queue.expire(claimed.job.pk)
    sweep.requeue_expired_leases()


def fail(claimed: Claim) -> None:
    queue.retry(claimed)
    queue.wait_out()


def release(claimed: Claim) -> None:
    assert claims.release(job_id=claimed.job.pk, token=claimed.token)


STEPS: dict[str, Callable[[Claim], object]] = {
    "suspend": queue.suspend,
    "decide": lambda claimed: decide(claimed.run.pk),
    "finish": queue.finish,
    "cancel": cancel,
    "forget": forget,
    "lose": lose,
    "fail": fail,
    "release": release,
    "interrupt": lambda _: services.interrupt_thread(principal=ANONYMOUS, thread_id="t"),
}


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("finish", "created running done"),
        ("suspend decide claim finish", "created running waiting running done"),
        ("suspend decide claim suspend decide", "created running waiting running waiting"),
        ("suspend cancel", "created running waiting done"),
        ("suspend forget", "created running waiting done"),
        ("suspend interrupt", "created running waiting done"),
        ("cancel", "created running"),
        ("cancel finish", "created running done"),
        ("fail claim finish", "created running done"),
        ("release claim finish", "created running done"),
        ("lose claim lose claim finish", "created running done"),
        ("lose claim suspend decide claim lose claim", "created running waiting running"),
        ("fail claim fail claim fail claim fail claim fail", "created running done"),
        ("lose claim lose claim lose claim lose claim lose", "created running done"),
    ],
)
def test_it_moves_with_the_status_alone(path: str, statuses: str) -> None:
    queued = queue.enqueue()
    seen = [_look(queued.run.pk)]
    claimed = queue.claim_one()
    for step in ["", *path.split()]:
        if step == "claim":
            claimed = queue.claim_one()
        elif step:
            STEPS[step](claimed)
        now_seen = _look(queued.run.pk)
        assert (now_seen[0] != seen[-1][0]) is (now_seen[1] > seen[-1][1]), step
        assert claimed.run.status != now_seen[0] or claimed.run.status_changed_at == now_seen[1]
        seen += [now_seen] if now_seen != seen[-1] else []
    assert " ".join(status for status, _ in seen) == statuses


def test_it_moves_for_a_queued_run_that_is_cancelled() -> None:
    queued = queue.enqueue()
    before = _look(queued.run.pk)
    cancel(queued.run.pk)
    after = _look(queued.run.pk)
    assert (before[0], after[0]) == ("created", "done")
    assert after[1] > before[1]


def test_it_takes_the_end_or_the_last_change_of_older_runs() -> None:
    waiting, done = queue.enqueue("a"), queue.enqueue("b")
    queue.finish(next(each for each in queue.claim(2) if each.run.pk == done.run.pk))
    migration = importlib.import_module("runs.migrations.0002_status_changed_and_artifacts")
    migration.fill_status_changed(apps, SimpleNamespace(connection=connection))
    rows = [queue.run_of(waiting), queue.run_of(done)]
    expected = [rows[0].updated_at, rows[1].finished_at or now()]
    apart = [moment - row.status_changed_at for moment, row in zip(expected, rows, strict=True)]
    assert all(timedelta() <= each < timedelta(milliseconds=1) for each in apart)


def _look(run_id: str) -> tuple[str, datetime]:
    row = Run.objects.get(pk=run_id)
    return row.status, row.status_changed_at
