"""Cancel, interrupt, supersede: how callers stop work of a thread."""

from dataclasses import dataclass

from django.db import transaction

from agentserver.core.clock import now
from runs.events.live import channel
from runs.events.types import Termination
from runs.mailbox import lane as lanes
from runs.mailbox.finish import finish_detached
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
    """Asks a claimed run to stop (True: its worker will end it) or ends it here (False)."""
    if run.status != Run.Status.DONE and _is_claimed(run):
        Run.objects.filter(pk=run.pk).update(cancel_requested=how, updated_at=now())
        message = {"kind": "cancel", "run_id": run.pk}
        transaction.on_commit(lambda: channel().send_control(message))
        return True
    finish_detached(lane=lane, run=run, termination=CANCELLED)
    return False


def continue_waiting(*, lane: Lane, run: Run) -> Job:
    """Lets a waiting run go on without answers: its open calls are superseded by new input."""
    waiting = ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED)
    waiting.update(status=ToolCall.Status.CANCELLED, result={"error": SUPERSEDED}, updated_at=now())
    return insert_resume(lane=lane, run=run)


def _is_claimed(run: Run) -> bool:
    return Job.objects.filter(run=run, state=Job.State.CLAIMED).exists()
