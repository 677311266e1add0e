"""Claims: a worker takes jobs, keeps its leases, and gives jobs back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from agentserver.core.clock import now
from agentserver.core.ids import new_id
from runs.mailbox import lane as lanes
from runs.models import Job, Lane, Run
from threads.models import Message


@dataclass(frozen=True)
class Claim:
    """A job in the hands of one worker. Every later write presents `token` or the run's attempt."""

    job: Job
    run: Run
    token: str


def lease() -> timedelta:
    return timedelta(seconds=settings.AGENTSERVER_LEASE_SECONDS)


def claim(*, worker: str, limit: int) -> list[Claim]:
    """Takes up to ``limit`` jobs, at most one per thread, fairest first; one transaction.

    A run claimed for the first time gets its turn: its input becomes visible to it and to the runs
    after it. Each claim counts as an attempt, and the attempt fences every write of earlier ones.
    """
    with transaction.atomic():
        ready = lanes.ready_lanes(at=now(), limit=limit)
        jobs = _queued([lane.next_job_id for lane in ready])
        _mend(ready, jobs)
        token = new_id()
        _mark(jobs, worker=worker, token=token, turns={lane.pk: lane.turn for lane in ready})
        return [Claim(job=job, run=job.run, token=token) for job in jobs]


def _mend(ready: list[Lane], jobs: list[Job]) -> None:
    """A lane that points at a job which is not queued would be offered for ever."""
    claimable = {job.thread_id for job in jobs}
    for lane in ready:
        if lane.thread_id not in claimable:
            lanes.refresh(lane)


def _queued(job_ids: list[str]) -> list[Job]:
    if not job_ids:
        return []
    jobs = Job.objects.filter(pk__in=job_ids, state=Job.State.QUEUED)
    return list(jobs.select_related("run", "run__thread"))


def _mark(jobs: list[Job], *, worker: str, token: str, turns: dict[str, int]) -> None:
    """Statements per batch, not per job: claims are the engine's heartbeat."""
    if not jobs:
        return
    fresh = [job for job in jobs if job.run.turn is None]
    again = [job for job in jobs if job.run.turn is not None]
    for job in fresh:
        job.run.turn = turns[job.thread_id] + 1
    _claim_jobs(jobs, worker=worker, token=token)
    if fresh:
        lane_turn = Subquery(Lane.objects.filter(pk=OuterRef("thread_id")).values("turn")[:1])
        _start_runs(fresh, turn=lane_turn + 1)
        _show_input(fresh)
        _hold_lanes(fresh, turn=F("turn") + 1)
    if again:
        _start_runs(again)
        _hold_lanes(again)


def _claim_jobs(jobs: list[Job], *, worker: str, token: str) -> None:
    moment = now()
    changes = {
        "state": Job.State.CLAIMED,
        "claim_token": token,
        "claimed_by": worker,
        "lease_until": moment + lease(),
        "updated_at": moment,
    }
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(**changes)
    for job in jobs:
        for name, value in changes.items():
            setattr(job, name, value)


def _start_runs(jobs: list[Job], **columns: Any) -> None:
    moment = now()
    Run.objects.filter(pk__in=[job.run_id for job in jobs]).update(
        status=Run.Status.RUNNING,
        termination_code="",
        attempt=F("attempt") + 1,
        started_at=Coalesce("started_at", moment),
        updated_at=moment,
        **columns,
    )
    for job in jobs:
        job.run.status = Run.Status.RUNNING
        job.run.attempt += 1
        job.run.started_at = job.run.started_at or moment


def _show_input(fresh: list[Job]) -> None:
    """The input of a run that begins takes the run's turn: from now on it can be read."""
    run_turn = Subquery(Run.objects.filter(pk=OuterRef("run_id")).values("turn")[:1])
    hidden = Message.objects.filter(run_id__in=[job.run_id for job in fresh], turn__isnull=True)
    hidden.update(turn=run_turn)


def _hold_lanes(jobs: list[Job], **columns: Any) -> None:
    run_of_next = Subquery(Job.objects.filter(pk=OuterRef("next_job_id")).values("run_id")[:1])
    held = Lane.objects.filter(pk__in=[job.thread_id for job in jobs])
    held.update(holder_id=run_of_next, ready_at=None, **columns)


def renew(*, claims: dict[str, str]) -> tuple[set[str], set[str]]:
    """Extends the leases of ``{job id: token}``.

    Returns the jobs that are no longer ours, and those whose run somebody asked to stop.
    """
    tokens = set(claims.values())
    held = Job.objects.filter(pk__in=list(claims), claim_token__in=tokens, state=Job.State.CLAIMED)
    held.update(lease_until=now() + lease())
    asked = dict(held.values_list("pk", "run__cancel_requested"))
    return set(claims) - set(asked), {job_id for job_id, how in asked.items() if how}


def release(*, job_id: str, token: str) -> bool:
    """Gives a claimed job back unharmed (shutdown): the next worker takes it up at once."""
    with transaction.atomic():
        job = Job.objects.filter(pk=job_id, claim_token=token).first()
        lane = lanes.lock_existing(job.thread_id) if job else None
        if not lane:
            return False
        given_back = Job.objects.filter(
            pk=job_id, claim_token=token, state=Job.State.CLAIMED
        ).update(
            state=Job.State.QUEUED, claim_token="", lease_until=None, available_at=now(),
            updated_at=now(),
        )  # fmt: skip
        if given_back:
            lanes.refresh(lane)
        return bool(given_back)
