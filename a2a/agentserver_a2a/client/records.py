"""The rows of remote tasks: what a turn finds, and what it stores. Synchronous database work."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from agentserver.core.clock import now
from agentserver_a2a.models import RemoteTask
from runs.models import Run
from runs.providers.remote import RemoteTurn

MOST_ATTEMPTS = 40
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_TRY = timedelta(seconds=60)
CLAIM = 20


def latest(turn: RemoteTurn) -> RemoteTask | None:
    """The run's newest remote task."""
    return RemoteTask.objects.filter(run_id=turn.run_id).order_by("-step").first()


def context_of(turn: RemoteTurn) -> str:
    """The remote conversation that the thread's earlier turns with the agent belong to, or "".

    The runs of a deleted thread went with it: a new one with its id is not its continuation.
    """
    own = Run.objects.filter(pk=OuterRef("run_id"), thread_id=turn.thread_id)
    earlier = RemoteTask.objects.filter(
        Exists(own),
        thread_id=turn.thread_id,
        agent_id=turn.agent_id,
        base_url=turn.endpoint.base_url,
        target=turn.endpoint.target or "",
    ).exclude(context_id="")
    return earlier.order_by("-id").values_list("context_id", flat=True).first() or ""


def begin(turn: RemoteTurn, *, task_id: str, context_id: str, state: str) -> RemoteTask:
    """Stores what a send led to; what an earlier attempt stored for the same step stays."""
    found: dict[str, Any] = {
        "thread_id": turn.thread_id,
        "agent_id": turn.agent_id,
        "config_version": turn.config_version,
        "base_url": turn.endpoint.base_url,
        "target": turn.endpoint.target or "",
        "task_id": task_id,
        "context_id": context_id,
        "state": state,
        "ended": not task_id,
    }
    row, _ = RemoteTask.objects.get_or_create(run_id=turn.run_id, step=turn.step, defaults=found)
    return row


def move_on(row: RemoteTask, turn: RemoteTurn) -> None:
    """The answer of ``turn`` reached the interrupted task, which belongs to its step from now."""
    _update(row, step=turn.step, state="working", said=row.heard, sent_at=now())


def see(row: RemoteTask, *, state: str, ended: bool, heard: str) -> None:
    """Where the task came to rest, with what it had answered by then."""
    _update(row, state=state, ended=ended, heard=heard)


def _update(row: RemoteTask, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    row.updated_at = now()
    row.save(update_fields=[*changes, "updated_at"])


# --- tasks nobody waits for any more ----------------------------------------------------------


def claim_abandoned(run_ids: Iterable[str] = ()) -> list[RemoteTask]:
    """Open tasks whose run ended, is being cancelled or was deleted, and that are due for a try.

    Each comes with its next try put off, so that two workers do not cancel it at once. Tasks of
    ``run_ids`` are due whatever their turn.
    """
    runs = Run.objects.filter(pk=OuterRef("run_id"))
    active = runs.filter(cancel_requested="").exclude(status=Run.Status.DONE)
    moment = now()
    due = Q(next_cancel_at__lte=moment) | Q(run_id__in=list(run_ids), cancel_attempts=0)
    rows = RemoteTask.objects.filter(due, ~Exists(active), ended=False).order_by("next_cancel_at")
    return [row for row in rows[:CLAIM] if _claim(row, moment)]


def _claim(row: RemoteTask, moment: datetime) -> bool:
    """Longer than a try may take; what it led to sets the time anew."""
    mine = RemoteTask.objects.filter(pk=row.pk, ended=False, cancel_attempts=row.cancel_attempts)
    row.cancel_attempts += 1
    return bool(
        mine.update(cancel_attempts=row.cancel_attempts, next_cancel_at=moment + LONGEST_TRY)
    )


def give_up(row: RemoteTask, state: str) -> None:
    """Nothing is left to cancel."""
    _update(row, state=state, ended=True)


def put_off(row: RemoteTask) -> bool:
    """After a failed try; False once there will be no other."""
    if row.cancel_attempts >= MOST_ATTEMPTS:
        _update(row, ended=True)
        return False
    pause = min(FIRST_PAUSE * 2 ** min(row.cancel_attempts - 1, 16), LONGEST_PAUSE)
    _update(row, next_cancel_at=now() + pause)
    return True


def forget_deleted() -> None:
    """Deletes what is settled and belongs to runs that are gone."""
    runs = Run.objects.filter(pk=OuterRef("run_id"))
    RemoteTask.objects.filter(~Exists(runs), ended=True).delete()
