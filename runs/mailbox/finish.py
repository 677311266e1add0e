"""Ending a run that no worker holds: queued, waiting, or given up."""

from collections.abc import Sequence

from django.db import transaction

from agentserver.core.clock import now, now_ms
from runs.events import log
from runs.events.changes import announce_change
from runs.events.live import channel
from runs.events.types import AnyEvent, Record, RunFinished, Termination, ToolCallFinished
from runs.mailbox import families
from runs.mailbox import lane as lanes
from runs.metrics import observe_committed
from runs.models import Job, Lane, Run, ToolCall
from threads.models import Message

OPEN_CALLS = (
    ToolCall.Status.NEW,
    ToolCall.Status.RUNNING,
    ToolCall.Status.SUSPENDED,
    ToolCall.Status.RESUMING,
)


def finish_detached(
    *, lane: Lane, run: Run, termination: Termination, job_state: Job.State = Job.State.CANCELLED
) -> None:
    """Ends ``run`` now: open calls are cancelled, the terminal events enter the log and go out on
    commit, its queued jobs become ``job_state``, and the lane is free. The caller holds the lock
    and has made sure that no worker has claimed the run.
    """
    events: list[AnyEvent] = list(_close_calls(run))
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


def _close_calls(run: Run) -> list[ToolCallFinished]:
    calls = list(ToolCall.objects.filter(run=run, status__in=OPEN_CALLS).order_by("position"))
    ToolCall.objects.filter(pk__in=[call.pk for call in calls]).update(
        status=ToolCall.Status.CANCELLED, updated_at=now()
    )
    return [
        ToolCallFinished(
            call_id=call.call_id,
            name=call.name,
            outcome="cancelled",
            result_message_id=call.result_message_id,
        )
        for call in calls
    ]


def _end_jobs(run: Run, state: Job.State) -> None:
    queued = Job.objects.filter(run=run, state=Job.State.QUEUED)
    queued.update(state=state, updated_at=now())


def _mark_done(lane: Lane, run: Run, termination: Termination, events: Sequence[AnyEvent]) -> None:
    moment = now()
    if run.turn is None:
        lane.turn = run.turn = lane.turn + 1
        Message.objects.filter(run_id=run.pk, turn__isnull=True).update(turn=run.turn)
    records = _record(run, events)
    run.last_seq = records[-1].seq
    run.attempt += 1
    run.status = Run.Status.DONE
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
