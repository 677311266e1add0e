"""Submitting work to a thread: the one door through which every run and every message comes in."""

from dataclasses import replace
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction

from agentserver.core import loops
from agentserver.core.database import release_database
from agentserver.core.errors import BadRequest, Conflict, NotFound
from agentserver.core.ids import new_id
from config import registry as registries
from config.errors import AgentNotFound
from runs import dispatch
from runs.events import log
from runs.events.changes import announce_change
from runs.events.live import channel
from runs.mailbox import lane as lanes
from runs.mailbox import stop
from runs.mailbox.submit import Queued, RunRequest, insert_run
from runs.models import Lane, Run, RunInput
from runs.services.idempotency import earlier_submission, lost_race, remember
from runs.services.requests import Input, Mode, Submitted
from runs.tools.frontend import frontend_tools
from threads.models import Thread
from threads.services import (
    append_messages,
    delete_messages,
    ensure_thread,
    set_state,
    thread_not_found,
    truncate_after,
)

DEFAULT_AGENT = "default"
RETRY_AFTER_SECONDS = 1


def submit(request: Input) -> Submitted:
    """Background submission: stores input, run and job in one transaction, or nothing at all."""
    checked = _checked(request)
    try:
        return _submit(checked)
    except IntegrityError as error:
        return lost_race(checked, error)


def submit_foreground(request: Input) -> Submitted:
    """Latest wins: what runs on the thread is stopped, what waits is superseded, this runs.

    Waits a few seconds for a running run to let go. Raises `Conflict` when it does not: its
    cancellation stays requested, and nothing else was stored.
    """
    return submit(replace(request, mode=Mode.INTERRUPT))


# --- checks before anything is stored ------------------------------------------------------


def _checked(request: Input) -> Input:
    frontend_tools(request.extras.get("frontend_tools") or [])
    if not request.messages and request.mode is not Mode.RESUME and request.cut is None:
        raise BadRequest("at least one message is required")
    agent_id = request.agent_id or _latest_agent(request)
    try:
        registries.current().agent(agent_id)
    except AgentNotFound:
        if request.must_exist:
            _existing_thread(request)  # That it is missing is said first.
        raise
    named = request.agent_id if request.named_agent is None else request.named_agent
    return replace(request, agent_id=agent_id, named_agent=named)


def _latest_agent(request: Input) -> str:
    if request.thread_id is None:
        return DEFAULT_AGENT
    runs = request.principal.scope_queryset(Run.objects.all(), "thread__resource_id")
    runs = runs.filter(thread_id=request.thread_id).order_by("-updated_at", "-created_at", "-id")
    return runs.values_list("agent_id", flat=True).first() or DEFAULT_AGENT


# --- one transaction -----------------------------------------------------------------------


def _submit(request: Input) -> Submitted:
    earlier = earlier_submission(request)
    if earlier:
        return earlier
    attempt = _attempt(request)
    if isinstance(attempt, Submitted):
        return attempt
    _wait_for_release(attempt)
    again = _attempt(request, awaited=attempt)
    if isinstance(again, Submitted):
        return again
    raise _busy()


@transaction.atomic
def _attempt(request: Input, *, awaited: Run | None = None) -> "Submitted | Run":
    """The submission, or the run that has to let go of the thread first (nothing stored then).

    ``awaited`` is the run that was asked to let go before. Another one that took its place is left
    alone: of two submissions at once one wins, and its run is not stopped by the loser.
    """
    thread, fresh = _thread(request)
    lane = lanes.lock(thread, fresh=fresh)
    # An equal request may have held the lock until now: it must not be interrupted by its repeat.
    earlier = None if fresh else earlier_submission(request)
    if earlier:
        return earlier
    if awaited and lane.holder_id:
        return awaited
    if awaited and request.mode is Mode.ROLLBACK:
        _undo(thread, awaited)
    if lanes.is_idle(lane) and request.mode is not Mode.RESUME:
        lane.generation += request.mode in {Mode.INTERRUPT, Mode.ROLLBACK}
        return _insert(thread, lane, request, fresh=fresh)
    return _among_others(thread, lane, request)


def _among_others(thread: Thread, lane: Lane, request: Input) -> "Submitted | Run":
    """`_attempt` on a thread where something runs, waits or is queued."""
    holder = _holder(lane)
    match request.mode:
        case Mode.REJECT:
            raise _busy()
        case Mode.STEER if holder and _takes_input(holder):
            return _steer(thread, holder, request)
        case Mode.RESUME:
            return _resume(thread, lane, holder, request)
        case Mode.INTERRUPT | Mode.ROLLBACK:
            stopping = _make_room(thread, lane, holder, request)
            if stopping:
                return stopping
    return _insert(thread, lane, request)


def _thread(request: Input) -> tuple[Thread, bool]:
    """The thread, and whether this submission made it."""
    if request.must_exist:
        return _existing_thread(request), False
    return ensure_thread(
        principal=request.principal,
        thread_id=request.thread_id,
        resource_id=request.resource_id,
        parent_id=request.parent_thread_id,
    )


def _existing_thread(request: Input) -> Thread:
    found = Thread.objects.filter(pk=request.thread_id).first()
    if found is None or not request.principal.can_see(found.resource_id):
        raise thread_not_found(str(request.thread_id))
    return found


def _holder(lane: Lane) -> Run | None:
    return Run.objects.filter(pk=lane.holder_id).first() if lane.holder_id else None


def _insert(thread: Thread, lane: Lane, request: Input, *, fresh: bool = False) -> Submitted:
    if request.cut:
        truncate_after(
            thread=thread, message_id=request.cut.message_id, inclusive=request.cut.inclusive
        )
    if request.state is not None:
        set_state(thread=thread, state=request.state)
    queued = insert_run(thread=thread, lane=lane, request=_run_request(request), fresh_thread=fresh)
    dispatch.on_commit()
    transaction.on_commit(partial(_announce, queued))
    first = lane.next_job_id == queued.job.pk
    submitted = Submitted(thread.pk, queued.run, queued.job, "running" if first else "queued")
    remember(request, submitted)
    return submitted


def _announce(queued: Queued) -> None:
    run = queued.run
    announce_change("runs", run.pk, thread_id=run.thread_id, event="run_queued")
    announce_change("mailbox", queued.job.pk, thread_id=run.thread_id)


def _run_request(request: Input) -> RunRequest:
    return RunRequest(
        run_id=request.run_id or new_id(),
        agent_id=request.agent_id or DEFAULT_AGENT,
        config_version=registries.current().version,
        messages=list(request.messages),
        origin=request.origin,
        sender_id=request.sender_id,
        extras=request.extras,
    )


# --- modes ---------------------------------------------------------------------------------


def _takes_input(holder: Run) -> bool:
    return holder.status == Run.Status.RUNNING and not holder.cancel_requested


def _busy() -> Conflict:
    return Conflict(
        "thread has an active run; cannot claim inline",
        code="thread_busy",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _steer(thread: Thread, holder: Run, request: Input) -> Submitted:
    """Hands the messages to the running run, which sees them before its next inference."""
    appended = append_messages(thread=thread, messages=request.messages, run_id=holder.pk)
    ids = [row.message_id for row in appended.rows]
    if ids:
        RunInput.objects.create(run=holder, message_ids=ids)
        note = {"kind": "input", "run_id": holder.pk}
        transaction.on_commit(lambda: channel().send_control(note))
    steered = Submitted(thread.pk, holder, None, steered=True, status="running")
    remember(request, steered)
    return steered


def _resume(thread: Thread, lane: Lane, holder: Run | None, request: Input) -> Submitted:
    """Continues the waiting run with the messages; its open questions count as moved past."""
    if holder is None or holder.status != Run.Status.WAITING:
        raise NotFound(f"no open run to resume on thread {thread.pk}", code="no_open_run")
    job = stop.continue_waiting(lane=lane, run=holder)
    appended = append_messages(thread=thread, messages=request.messages, run_id=holder.pk)
    ids = [row.message_id for row in appended.rows]
    if ids:
        RunInput.objects.create(run=holder, message_ids=ids)
    dispatch.on_commit()
    resumed = Submitted(thread.pk, holder, job, status="running")
    remember(request, resumed)
    return resumed


def _make_room(thread: Thread, lane: Lane, holder: Run | None, request: Input) -> Run | None:
    """Interrupts the thread; a run that a worker holds has to let go first and is returned."""
    interrupted = stop.interrupt(lane)
    if interrupted.stopping:
        return interrupted.stopping
    if request.mode is Mode.ROLLBACK and holder:
        _undo(thread, holder)
    return None


def _undo(thread: Thread, run: Run) -> None:
    ids = list(thread.messages.filter(run_id=run.pk).values_list("message_id", flat=True))
    delete_messages(thread=thread, message_ids=ids)


def _wait_for_release(run: Run) -> None:
    release_database()
    try:
        loops.run_sync(_ended(run.pk), settings.AGENTSERVER_RELEASE_SECONDS)
    except TimeoutError:
        # Whether it let go after all is decided under the lane's lock.
        return


async def _ended(run_id: str) -> None:
    async for _ in log.follow(run_id, heartbeat=1):
        pass
