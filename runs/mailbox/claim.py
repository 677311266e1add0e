"""Claims: a worker takes jobs, keeps its leases, and gives jobs back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce

from agentserver.core.clock import now
from agentserver.core.ids import new_id
from agentserver.core.prepared import Select, Update, arg, volatile
from runs.mailbox import lane as lanes
from runs.models import Job, Lane, Run
from runs.models.run import status_moment
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
        volatile()
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
    return _by_ids(_queued_jobs, job_ids) if job_ids else []


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
        _start_runs(_begin_runs, fresh)
        _by_ids(_show_input, [job.run_id for job in fresh])
        _by_ids(_hold_lanes_anew, [job.thread_id for job in fresh])
    if again:
        _start_runs(_resume_runs, again)
        _by_ids(_hold_lanes_again, [job.thread_id for job in again])


def _claim_jobs(jobs: list[Job], *, worker: str, token: str) -> None:
    moment = now()
    changes = {
        "claim_token": token,
        "claimed_by": worker,
        "lease_until": moment + lease(),
        "updated_at": moment,
    }
    _by_ids(_take_jobs, [job.pk for job in jobs], **changes)
    for job in jobs:
        job.state = Job.State.CLAIMED
        for name, value in changes.items():
            setattr(job, name, value)


def _start_runs(statement: Callable[[int], Update], jobs: list[Job]) -> None:
    moment, changed = now(), status_moment()
    _by_ids(statement, [job.run_id for job in jobs], now=moment, changed=changed)
    for job in jobs:
        if job.run.status != Run.Status.RUNNING:
            job.run.status, job.run.status_changed_at = Run.Status.RUNNING, changed
        job.run.attempt += 1
        job.run.started_at = job.run.started_at or moment


# --- statements, one per batch size -----------------------------------------------------


def _by_ids(statement: Callable[[int], Any], ids: list[str], **values: Any) -> Any:
    named = {f"id_{index}": each for index, each in enumerate(ids)}
    return statement(len(ids)).run(**named, **values)


def _any(column: str, count: int) -> Q:
    """``column`` is one of ``id_0`` ... (an ``__in`` over a relation takes no placeholders)."""
    return reduce(or_, (Q((column, arg(f"id_{index}"))) for index in range(count)))


@cache
def _queued_jobs(count: int) -> Select[Job]:
    jobs = Job.objects.filter(_any("pk", count), state=Job.State.QUEUED).order_by()
    return Select(lambda: jobs.select_related("run", "run__thread"))


@cache
def _take_jobs(count: int) -> Update:
    return Update(
        lambda: Job.objects.filter(_any("pk", count)),
        state=Job.State.CLAIMED,
        claim_token=arg("claim_token"),
        claimed_by=arg("claimed_by"),
        lease_until=arg("lease_until"),
        updated_at=arg("updated_at"),
    )


def _run_update(count: int, **columns: Any) -> Update:
    return Update(
        lambda: Run.objects.filter(_any("pk", count)),
        status=Run.Status.RUNNING,
        termination_code="",
        attempt=F("attempt") + 1,
        started_at=Coalesce("started_at", arg("now")),
        updated_at=arg("now"),
        **columns,
    )


@cache
def _begin_runs(count: int) -> Update:
    lane_turn = Subquery(Lane.objects.filter(pk=OuterRef("thread_id")).values("turn")[:1])
    return _run_update(count, turn=lane_turn + 1, status_changed_at=arg("changed"))


@cache
def _resume_runs(count: int) -> Update:
    """A run that is taken up after a crash or a retry was running all the time."""
    went_on = When(status=Run.Status.RUNNING, then=F("status_changed_at"))
    return _run_update(count, status_changed_at=Case(went_on, default=arg("changed")))


@cache
def _show_input(count: int) -> Update:
    """The input of a run that begins takes the run's turn: from now on it can be read."""
    turn = Subquery(Run.objects.filter(pk=OuterRef("run_id")).order_by().values("turn")[:1])
    return Update(
        lambda: Message.objects.filter(_any("run_id", count), turn__isnull=True), turn=turn
    )


def _lane_update(count: int, **columns: Any) -> Update:
    job = Job.objects.filter(pk=OuterRef("next_job_id")).order_by()
    return Update(
        lambda: Lane.objects.filter(_any("pk", count)),
        holder_id=Subquery(job.values("run_id")[:1]),
        ready_at=None,
        **columns,
    )


@cache
def _hold_lanes_anew(count: int) -> Update:
    return _lane_update(count, turn=F("turn") + 1)


@cache
def _hold_lanes_again(count: int) -> Update:
    return _lane_update(count)


# --- keeping and giving back ------------------------------------------------------------


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
