"""Cancel and interrupt, by the ids callers know: a run, a job or a thread."""

from contextlib import suppress

from django.db import transaction

from agentserver.access.principal import Principal
from agentserver.core.errors import NotFound
from runs import dispatch
from runs.access import run_not_found
from runs.mailbox import lane as lanes
from runs.mailbox import stop
from runs.models import Job, Lane, Run
from threads.models import Thread
from threads.services import thread_not_found


def interrupt_thread(*, principal: Principal, thread_id: str) -> stop.Interrupted:
    """Empties the thread's queue and stops its run. `NotFound` when there was nothing to do; the
    generation moves on all the same."""
    missing = thread_not_found(thread_id)
    with transaction.atomic():
        lane = _lane(principal, thread_id, missing)
        interrupted = stop.interrupt(lane)
    if not interrupted.did_something:
        raise missing
    return interrupted


def cancel_thread(*, principal: Principal, thread_id: str) -> Run:
    """Cancels the active run, else the next queued job. `NotFound` when there is neither."""
    missing = thread_not_found(thread_id)
    with transaction.atomic():
        lane = _lane(principal, thread_id, missing)
        run = _active(lane) or _next_queued(lane)
        if run is None:
            raise missing
        stop.stop_run(lane, run, Run.Cancel.CANCEL)
        dispatch.on_commit()
    return run


def cancel_run(*, principal: Principal, run_id: str) -> Run:
    """Cancels a queued, running or waiting run. `NotFound` also when it is done already."""
    missing = run_not_found(run_id)
    run = Run.objects.filter(pk=run_id).select_related("thread").first()
    if run is None or not principal.can_see(run.thread.resource_id):
        raise missing
    with transaction.atomic():
        lane = lanes.lock(run.thread)
        run = Run.objects.filter(pk=run_id).exclude(status=Run.Status.DONE).first()
        if run is None:
            raise missing
        stop.stop_run(lane, run, Run.Cancel.CANCEL)
        dispatch.on_commit()
    return run


def cancel(*, principal: Principal, any_id: str, missing: NotFound) -> Run:
    """Cancels by run id, job id or thread id, in this order; ids of ours never collide."""
    job = Job.objects.filter(pk=any_id, state=Job.State.QUEUED).first()
    for run_id in (any_id, job.run_id if job else any_id):
        with suppress(NotFound):
            return cancel_run(principal=principal, run_id=run_id)
    with suppress(NotFound):
        return cancel_thread(principal=principal, thread_id=any_id)
    raise missing


def _lane(principal: Principal, thread_id: str, missing: NotFound) -> Lane:
    thread = Thread.objects.filter(pk=thread_id).first()
    if thread is None or not principal.can_see(thread.resource_id):
        raise missing
    return lanes.lock(thread)


def _active(lane: Lane) -> Run | None:
    if not lane.holder_id:
        return None
    return Run.objects.filter(pk=lane.holder_id).exclude(status=Run.Status.DONE).first()


def _next_queued(lane: Lane) -> Run | None:
    job = lanes.next_job(lane)
    return Run.objects.get(pk=job.run_id) if job else None
