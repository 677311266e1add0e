"""Cancel, interrupt, supersede: how callers stop work of a thread."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from agentserver.core.clock import now, now_ms
from agentserver.core.ids import new_id
from runs.events.live import channel
from runs.events.types import Termination
from runs.mailbox import families
from runs.mailbox import lane as lanes
from runs.mailbox.finish import finish_detached
from runs.mailbox.row_by_row import row_by_row
from runs.mailbox.submit import insert_resume
from runs.models import Job, Lane, Run, ToolCall

SUPERSEDED = "[Superseded by new input]"
CANCELLED = Termination(type="cancelled")


@dataclass(frozen=True)
class Interrupted:
    """`superseded` queued jobs were dropped; `stopping` is the run a worker still has to let go."""

    superseded: int
    stopping: Run | None
    ended: Run | None

    @property
    def did_something(self) -> bool:
        return bool(self.superseded or self.stopping or self.ended)


def interrupt(lane: Lane) -> Interrupted:
    """Generation + 1, queued jobs superseded, the holder told to stop. Caller holds the lock."""
    lane.generation += 1
    superseded = _supersede_queued(lane)
    holder = Run.objects.filter(pk=lane.holder_id).first() if lane.holder_id else None
    stopping = stop_run(lane, holder, Run.Cancel.INTERRUPT) if holder else False
    lanes.refresh(lane)
    return Interrupted(
        superseded=superseded,
        stopping=holder if stopping else None,
        ended=None if stopping else holder,
    )


def _supersede_queued(lane: Lane) -> int:
    queued = Job.objects.filter(thread_id=lane.thread_id, state=Job.State.QUEUED)
    waiting = queued.exclude(run_id=lane.holder_id).select_related("run")
    jobs = list(waiting)
    for job in jobs:
        finish_detached(
            lane=lane, run=job.run, termination=CANCELLED, job_state=Job.State.SUPERSEDED
        )
    return len(jobs)


def stop_run(lane: Lane, run: Run, how: Run.Cancel) -> bool:
    """Asks a claimed run to stop (True: its worker will end it) or ends it here (False).

    The runs it delegated to are stopped as well, once this is committed.
    """
    transaction.on_commit(partial(stop_children, run.pk))
    if run.status != Run.Status.DONE and _is_claimed(run):
        Run.objects.filter(pk=run.pk).update(cancel_requested=how, updated_at=now())
        message = {"kind": "cancel", "run_id": run.pk}
        transaction.on_commit(lambda: channel().send_control(message))
        return True
    finish_detached(lane=lane, run=run, termination=CANCELLED)
    return False


def continue_waiting(*, lane: Lane, run: Run) -> Job:
    """Lets a waiting run go on without answers: its open calls are superseded by new input."""
    for call in ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED):
        decide(call, action="cancel", error=SUPERSEDED)
    transaction.on_commit(partial(stop_children, run.pk))
    return insert_resume(lane=lane, run=run)


def decide(call: ToolCall, *, action: str, payload: Any = None, error: str | None = None) -> None:
    """Answers a suspended call; the run's next attempt carries the answer out."""
    call.status, call.updated_at = ToolCall.Status.RESUMING, now()
    call.decision = {
        "decision_id": new_id(),
        "ticket_id": call.ticket_id,
        "action": action,
        "payload": payload,
        "error": error,
        "decided_at": now_ms(),
    }
    call.save(update_fields=["status", "updated_at", "decision"])


def stop_children(run_id: str) -> None:
    """Runs that a stopped run delegated to have nobody left to answer to."""
    for child in families.open_children(run_id):
        stop_by_id(child.pk)


def stop_orphans() -> None:
    """Runs whose parent ended, or was to be stopped with them, before anybody stopped them."""
    ended = Q(parent__status=Run.Status.DONE)
    asked = Q(status=Run.Status.WAITING) & ~Q(cancel_requested="")
    orphans = Run.objects.exclude(status=Run.Status.DONE).filter(ended | asked).order_by()
    for _ in row_by_row(stop_by_id, orphans.values_list("pk")[: families.BATCH]):
        pass


@transaction.atomic
def stop_by_id(run_id: str) -> None:
    """Stops a run, if it is still there and not done."""
    unfinished = Run.objects.filter(pk=run_id).exclude(status=Run.Status.DONE)
    thread_id = unfinished.values_list("thread_id", flat=True).first()
    lane = lanes.lock_existing(thread_id) if thread_id else None
    run = unfinished.first() if lane else None
    if lane and run:
        stop_run(lane, run, Run.Cancel.CANCEL)


def _is_claimed(run: Run) -> bool:
    return Job.objects.filter(run=run, state=Job.State.CLAIMED).exists()
