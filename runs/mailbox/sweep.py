"""The sweeper moves on what nobody else will ever touch again. Idempotent, cheap when idle."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F

from agentserver.core.clock import now
from config.rotation import prune_snapshots
from runs.events.types import Termination
from runs.mailbox import families
from runs.mailbox import lane as lanes
from runs.mailbox.finish import finish_detached
from runs.mailbox.row_by_row import row_by_row
from runs.mailbox.stop import stop_children, stop_orphans
from runs.models import IdempotencyKey, Job, Lane, Run

# More events than an attempt can publish between its last commit and its death.
SEQ_JUMP = 1_000_000
BATCH = 100
PRUNED_AT_ONCE = 1000
SNAPSHOT_AGE = timedelta(days=1)
TERMINAL = (
    Job.State.ACCEPTED,
    Job.State.CANCELLED,
    Job.State.SUPERSEDED,
    Job.State.DEAD_LETTER,
)


@dataclass(frozen=True)
class Swept:
    """`requeued` leases ran out and were given another attempt, `dead` had none left; `due` is true
    when some lane has a job that may be claimed now."""

    requeued: int
    dead: int
    expired: int
    due: bool


def sweep() -> Swept:
    requeued, dead = requeue_expired_leases()
    families.resume_forgotten_parents()
    stop_orphans()
    return Swept(
        requeued=requeued,
        dead=dead,
        expired=end_expired_suspensions(),
        due=Lane.objects.filter(ready_at__isnull=False, ready_at__lte=now()).exists(),
    )


def requeue_expired_leases() -> tuple[int, int]:
    """Jobs whose lease ran out go back in line, or die at their last attempt."""
    expired = Job.objects.filter(state=Job.State.CLAIMED, lease_until__lt=now())
    outcomes = Counter(row_by_row(_requeue, expired.values_list("pk", "thread_id")[:BATCH]))
    return outcomes[Job.State.QUEUED], outcomes[Job.State.DEAD_LETTER]


@transaction.atomic
def _requeue(job_id: str, thread_id: str) -> str | None:
    lane = lanes.lock_existing(thread_id)
    expired = Job.objects.filter(pk=job_id, state=Job.State.CLAIMED, lease_until__lt=now())
    job = expired.select_related("run").first()
    if not lane or not job:
        return None
    return give_up_claim(lane, job, error=f"the worker {job.claimed_by} went away")


def give_up_claim(lane: Lane, job: Job, *, error: str) -> str:
    """Takes a claimed job from a worker that is gone: back in line, or dead with its run."""
    job.attempt_count += 1
    alive = job.attempt_count < job.max_attempts
    job.state = Job.State.QUEUED if alive else Job.State.DEAD_LETTER
    job.claim_token, job.lease_until, job.last_error = "", None, error
    job.available_at = job.updated_at = now()
    job.save()
    # The lost attempt may have published events that were never committed: skip their numbers,
    # and fence it, so that it can neither write nor be mistaken for its successor.
    Run.objects.filter(pk=job.run_id).update(
        seq_floor=F("last_seq") + SEQ_JUMP, attempt=F("attempt") + 1
    )
    if alive:
        lanes.refresh(lane)
    else:
        bury(lane, job, error=error)
    return job.state


def bury(lane: Lane, job: Job, *, error: str) -> None:
    """Ends the run of a dead job with an error that readers see."""
    run = Run.objects.get(pk=job.run_id)
    termination = Termination(type="error", detail=error, code="dead_letter")
    finish_detached(lane=lane, run=run, termination=termination)
    transaction.on_commit(partial(stop_children, run.pk))


def end_expired_suspensions() -> int:
    """Ends waiting runs past their deadline: a forgotten approval must not block its thread."""
    overdue = Run.objects.filter(status=Run.Status.WAITING, expires_at__lt=now())
    # A delegate waits longer than its parent: once it ends, the parent has something to go on with.
    overdue = overdue.order_by("expires_at")
    return sum(row_by_row(_end_expired, overdue.values_list("pk", "thread_id")[:BATCH]))


@transaction.atomic
def _end_expired(run_id: str, thread_id: str) -> bool:
    lane = lanes.lock_existing(thread_id)
    overdue = Run.objects.filter(pk=run_id, status=Run.Status.WAITING, expires_at__lt=now())
    run = overdue.first()
    going_on = Job.objects.filter(run_id=run_id, state__in=[Job.State.QUEUED, Job.State.CLAIMED])
    if not lane or not run or going_on.exists():
        return False
    termination = Termination(type="cancelled", detail="nobody answered in time")
    finish_detached(lane=lane, run=run, termination=termination)
    transaction.on_commit(partial(stop_children, run_id))
    return True


def prune() -> int:
    """Deletes what nobody needs any more; returns the number of jobs.

    That is terminal jobs and idempotency keys past their retention, in bounded batches, and
    configuration that was replaced `SNAPSHOT_AGE` ago, unless a run that is not done uses it.
    """
    limit = now() - timedelta(hours=settings.AGENTSERVER_JOB_RETENTION_HOURS)
    deleted = 0
    while batch := _delete_jobs(limit):
        deleted += batch
    IdempotencyKey.objects.filter(created_at__lt=limit).delete()
    pinned = Run.objects.exclude(status=Run.Status.DONE).values("config_version")
    prune_snapshots(keep=pinned, before=now() - SNAPSHOT_AGE)
    return deleted


def _delete_jobs(before: datetime) -> int:
    """One batch; each is a transaction of its own."""
    old = Job.objects.filter(state__in=TERMINAL, updated_at__lt=before)
    ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    return Job.objects.filter(pk__in=ids).delete()[0]
