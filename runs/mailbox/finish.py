"""Ending a run that no worker holds: queued, waiting, or given up."""

from collections.abc import Sequence

from django.db import transaction

from agentserver.core.clock import now, now_ms
from runs.events import log
from runs.events.changes import announce_change
from runs.events.live import channel
from runs.events.types import (
    AnyEvent,
    Record,
    RunFinished,
    StepReset,
    Termination,
    ToolCallFinished,
)
from runs.mailbox import families, ledger
from runs.mailbox import lane as lanes
from runs.metrics import observe_committed
from runs.models import Job, Lane, Run, ToolCall
from runs.models.run import status_moment
from threads.models import Message
from threads.services import append_messages, replace_message


def finish_detached(
    *, lane: Lane, run: Run, termination: Termination, job_state: Job.State = Job.State.CANCELLED
) -> None:
    """Ends ``run`` now: open calls are cancelled, the terminal events enter the log and go out on
    commit, its queued jobs become ``job_state``, and the lane is free. The caller holds the lock
    and has made sure that no worker has claimed the run.
    """
    events: list[AnyEvent] = [*_void_lost(run), *_close_calls(run)]
    events.append(
        RunFinished(
            thread_id=run.thread_id,
            run_id=run.pk,
            termination=termination,
            steps=run.steps,
            usage=run.usage,
        )
    )
    _end_jobs(run, job_state)
    _mark_done(lane, run, termination, events)
    if lane.holder_id == run.pk:
        lane.holder_id = ""
    lanes.refresh(lane)


def termination_code(termination: Termination) -> str:
    """The code a run row keeps: ``natural``, ``stopped:max_rounds``, ``error``, ..."""
    if termination.type == "natural_end":
        return "natural"
    if termination.type == "stopped":
        return f"stopped:{termination.code}"
    return termination.type


def error_payload(termination: Termination) -> dict[str, str] | None:
    if termination.type != "error":
        return None
    payload = {"message": termination.detail or "the run failed"}
    return payload | ({"code": termination.code} if termination.code else {})


def _void_lost(run: Run) -> list[StepReset]:
    """What a lost attempt showed and never committed is taken back."""
    if run.seq_floor <= run.last_seq:
        return []
    reason = "the worker went away"
    return [StepReset(step=run.steps, after_seq=run.last_seq, reason=reason)]


def _close_calls(run: Run) -> list[ToolCallFinished]:
    """Cancels the calls of the open step and stores its tool messages."""
    if run.started_at is None:
        return []
    rows = list(ToolCall.objects.filter(run=run, step=run.steps).order_by("position"))
    unfinished = [row for row in rows if not row.is_final]
    for row in unfinished:
        ledger.cancel(row)
        row.updated_at = now()
    ToolCall.objects.bulk_update(unfinished, ["status", "result", "updated_at"])
    messages = [ledger.tool_message(row, step=row.step) for row in rows]
    missing = [each for each in messages if not replace_message(thread=run.thread, message=each)]
    append_messages(thread=run.thread, messages=missing, run_id=run.pk, turn=run.turn)
    return [ledger.finished_event(row) for row in unfinished]


def show_late_input(run: Run) -> None:
    """Messages handed to a run that ends without taking them up are read by the runs after it."""
    Message.objects.filter(run_id=run.pk, turn__isnull=True).update(turn=run.turn)


def _end_jobs(run: Run, state: Job.State) -> None:
    queued = Job.objects.filter(run=run, state=Job.State.QUEUED)
    queued.update(state=state, updated_at=now())


def _mark_done(lane: Lane, run: Run, termination: Termination, events: Sequence[AnyEvent]) -> None:
    moment = now()
    if run.turn is None:
        lane.turn = run.turn = lane.turn + 1
    show_late_input(run)
    records = _record(run, events)
    run.last_seq = records[-1].seq
    run.attempt += 1
    run.status, run.status_changed_at = Run.Status.DONE, status_moment()
    run.termination_code = termination_code(termination)
    run.termination_detail = termination.detail or ""
    run.error_payload = error_payload(termination)
    run.updated_at = run.finished_at = moment
    run.expires_at = None
    run.save()
    transaction.on_commit(lambda: announce(run, records))
    if run.parent_id:
        transaction.on_commit(lambda: families.tell_parent(run.pk))


def _record(run: Run, events: Sequence[AnyEvent]) -> list[Record]:
    first, at = run.next_seq(), now_ms()
    records = [Record(first + place, at, event) for place, event in enumerate(events)]
    log.append_segment(run.pk, records)
    return records


def announce(run: Run, records: Sequence[Record]) -> None:
    """Sends committed events of a run without worker to its viewers, and a thread notice."""
    live = channel()
    live.publish(run.pk, run.thread_id, records)
    live.notify_thread(run.thread_id, {"run_id": run.pk, "turn": run.turn})
    announce_change("runs", run.pk, thread_id=run.thread_id, event=records[-1].event.type)
    observe_committed(run, records)
