"""Lanes: the row lock of a thread's queue, and the place of a thread among all that have work."""

from datetime import datetime
from functools import cache

from django.db import IntegrityError, transaction

from agentserver.core.clock import now, to_ms
from agentserver.core.prepared import Select, Update, arg, insert
from runs.models import Job, Lane
from threads.models import Thread

# A caller's n-th queued thread is served as if it had come n slices later than it did. A slice is
# longer than most runs take, so that under load a backlog does not grow old enough to be in front
# of callers who come later; and it is finite, so that the backlog is not put off for ever.
FAIR_SLICE_MS = 10_000
FAIR_DEPTH = 300

COLUMNS = (
    "generation",
    "turn",
    "holder_id",
    "next_job_id",
    "ready_at",
    "priority",
    "fair_at",
)


def lock(thread: Thread, *, fresh: bool = False) -> Lane:
    """The thread's lane, locked until the transaction ends; made at first use.

    A thread made in this very transaction (``fresh``) has a lane that nobody else can see: it is
    inserted by the first `admit` or `refresh`.
    """
    if fresh:
        return Lane(thread=thread, resource_id=thread.resource_id)
    return _LOCKED.first(thread_id=thread.pk) or _create(thread)


def lock_existing(thread_id: str) -> Lane | None:
    return _LOCKED.first(thread_id=thread_id)


def _create(thread: Thread) -> Lane:
    try:
        with transaction.atomic():
            return Lane.objects.create(thread=thread, resource_id=thread.resource_id)
    except IntegrityError:
        return Lane.objects.select_for_update().get(pk=thread.pk)


def refresh(lane: Lane) -> None:
    """Recomputes which job of the thread may be claimed next. The caller holds the lock."""
    job = next_job(lane)
    _point_at(lane, job)
    _save(lane)


def next_job(lane: Lane) -> Job | None:
    """The first job in line; while a run holds the lane only a job of that very run counts."""
    if not lane.holder_id:
        return _FIRST_QUEUED.first(thread_id=lane.thread_id)
    jobs = Job.objects.filter(thread_id=lane.thread_id, state=Job.State.QUEUED)
    if Job.objects.filter(thread_id=lane.thread_id, state=Job.State.CLAIMED).exists():
        return None
    return jobs.filter(run_id=lane.holder_id).order_by("created_at", "id").first()


def admit(lane: Lane, job: Job) -> None:
    """`refresh` for a start that was just queued: no look at the rest of the queue is needed."""
    waits = lane.holder_id or (lane.ready_at and lane.priority <= job.priority)
    if not waits:
        _point_at(lane, job)
    _save(lane)


def is_idle(lane: Lane) -> bool:
    """Nothing runs, waits or is queued on the thread."""
    return not lane.holder_id and lane.ready_at is None


def _save(lane: Lane) -> None:
    if lane._state.adding:
        insert(lane)
    else:
        values = {name: getattr(lane, name) for name in COLUMNS}
        _UPDATE.run(thread_id=lane.thread_id, **values)


def _point_at(lane: Lane, job: Job | None) -> None:
    newly_ready = job is not None and lane.ready_at is None
    lane.next_job_id = job.pk if job else ""
    lane.ready_at = job.available_at if job else None
    if job:
        lane.priority = job.priority
    if newly_ready:
        lane.fair_at = _fair_place(lane)


def _fair_place(lane: Lane) -> int:
    return to_ms(now()) + FAIR_SLICE_MS * _queued_lanes_of(lane.resource_id)


def _queued_lanes_of(resource_id: str) -> int:
    if not resource_id:
        return 0
    queued = Lane.objects.filter(ready_at__isnull=False, resource_id=resource_id)
    return queued[:FAIR_DEPTH].count()


def ready_lanes(*, at: datetime, limit: int) -> list[Lane]:
    """Ready lanes in the order they are served, locked; those locked elsewhere are skipped."""
    return _ready(limit).run(at=at)


@cache
def _ready(limit: int) -> Select[Lane]:
    ready = Lane.objects.filter(ready_at__isnull=False, ready_at__lte=arg("at"))
    locked = ready.select_for_update(skip_locked=True)
    return Select(lambda: locked.order_by("priority", "fair_at")[:limit])


_LOCKED = Select(lambda: Lane.objects.select_for_update().filter(pk=arg("thread_id")))
_FIRST_QUEUED = Select(
    lambda: Job.objects.filter(thread_id=arg("thread_id"), state=Job.State.QUEUED).order_by(
        "priority", "created_at", "id"
    )[:1]
)
_UPDATE = Update(
    lambda: Lane.objects.filter(pk=arg("thread_id")), **{name: arg(name) for name in COLUMNS}
)
