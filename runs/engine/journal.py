"""What the engine writes: each function is one transaction, fenced by the attempt of the run.

A step is committed as: the assistant message with its calls (`open_step`), each result as it comes
(`save`, or `record_call` inside the transaction of the tool itself), and the closed step (`save`,
`suspend` or `finish`). Whatever commits takes the events emitted so far along, so the log, the
messages, the ledger and the run never disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction

from agentserver.core.clock import now
from agentserver.core.prepared import Exists, Update, arg, columns
from runs.engine.conversation import SUMMARY
from runs.engine.session import LostRun, Stopped
from runs.events import log
from runs.events.types import Record, Termination, ToolCallFinished
from runs.mailbox import lane as lanes
from runs.mailbox import settle
from runs.mailbox.claim import Claim
from runs.mailbox.finish import error_payload, show_late_input, termination_code
from runs.mailbox.sweep import bury
from runs.models import Job, Run, RunInput, ToolCall
from runs.models.run import status_moment
from threads.models import Message, Thread
from threads.services import NewMessage, append_messages, replace_message


@dataclass
class Totals:
    """What a run has used so far; written whole with every commit."""

    steps: int = 0
    usage: dict[str, int] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    model_name: str = ""

    @classmethod
    def of(cls, run: Run) -> "Totals":
        return cls(run.steps, dict(run.usage), run.cost_usd, run.model_name)

    def add(self, usage: dict[str, int], cost: Decimal | None, model_name: str) -> None:
        for name, count in usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        if cost is not None:
            self.cost_usd = (self.cost_usd or Decimal()) + cost
        self.model_name = model_name or self.model_name

    def columns(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "usage": self.usage,
            "input_tokens": self.usage.get("prompt_tokens", 0),
            "output_tokens": self.usage.get("completion_tokens", 0),
            "cost_usd": self.cost_usd,
            "model_name": self.model_name,
        }


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The part all commits share. `state` is the thread's shared state when a tool changed it,
    `calls` are ledger rows to bring up to date."""

    claim: Claim
    records: Sequence[Record]
    totals: Totals
    messages: Sequence[NewMessage] = ()
    replacements: Sequence[NewMessage] = ()
    state: Any = None
    state_changed: bool = False
    calls: Sequence[ToolCall] = ()


def open_step(commit: Commit, calls: Sequence[ToolCall]) -> None:
    """The assistant message and the intent of its calls, before any of them runs."""
    with transaction.atomic():
        _write(commit)
        ToolCall.objects.bulk_create(calls)


def record_call(call: ToolCall, *, attempt: int) -> None:
    """The result of a transactional tool, inside its transaction. Raises `LostRun`, which undoes
    the tool's own writes too, when the attempt was fenced or the run has ended."""
    _guard(call.run_id, attempt, updated_at=now())
    _write_call(call, attempt)


def _write_call(call: ToolCall, attempt: int) -> None:
    call.updated_at = now()
    mine = ToolCall.objects.filter(pk=call.pk, attempt=attempt)
    if not mine.update(**call_columns(call)):
        raise LostRun


def call_columns(call: ToolCall) -> dict[str, Any]:
    names = (
        "status", "suspension", "ticket_id", "decision", "answers", "result", "child_run_id",
        "executions", "started_at", "updated_at",
    )  # fmt: skip
    return {name: getattr(call, name) for name in names}


def adopt_calls(run: Run, step: int) -> list[ToolCall]:
    """The calls of the open step, now fenced by this attempt; empty when no step is open."""
    calls = ToolCall.objects.filter(run=run, step=step)
    with transaction.atomic():
        # Fenced before they are read: what an earlier attempt still writes is seen, or refused.
        if not calls.update(attempt=run.attempt):
            return []
        _guard(run.pk, run.attempt, updated_at=now())
        return list(calls.order_by("position"))


def unannounced(run: Run, calls: Sequence[ToolCall]) -> list[ToolCall]:
    """Calls that ended, or wait, without an event that says so: a worker died in between."""
    told = {
        record.event.call_id: record.event.outcome
        for record in log.read(run.pk)
        if isinstance(record.event, ToolCallFinished)
    }
    due = {*ToolCall.FINAL, ToolCall.Status.SUSPENDED}
    return [call for call in calls if call.status in due and told.get(call.call_id) != call.status]


# A call that somebody decided, or whose delegate ended, since this attempt looked at it.
TAKEN_UP = (ToolCall.Status.RESUMING, ToolCall.Status.RUNNING)


class DecisionArrived(Exception):
    """A call of the run was decided before the run could suspend: nothing was written, go on."""


class InputArrived(Exception):
    """Messages reached the run before it could end: nothing was written, take another step."""


def suspend(commit: Commit) -> bool:
    """Running → waiting: the job is consumed, nobody holds the run, its tickets stay open.

    Returns whether the thread has more work. Raises `DecisionArrived`, and `Stopped` for a run that
    was cancelled in the last moment: nobody would tell it once it waits.
    """
    run = commit.claim.run
    with transaction.atomic():
        lane = lanes.lock_existing(run.thread_id)
        if lane is None:
            raise LostRun
        here = [call.pk for call in commit.calls]
        if ToolCall.objects.filter(run=run, status__in=TAKEN_UP).exclude(pk__in=here).exists():
            raise DecisionArrived
        if Run.objects.filter(pk=run.pk).exclude(cancel_requested="").exists():
            raise Stopped
        _write(commit, **_waiting())
        if not settle.accept(job_id=commit.claim.job.pk, token=commit.claim.token):
            raise LostRun
        _close_continuations(run)
        lanes.refresh(lane)
    return lane.ready_at is not None


def _waiting() -> dict[str, Any]:
    patience = settings.AGENTSERVER_SUSPENSION_SECONDS
    return {
        "status": Run.Status.WAITING,
        "status_changed_at": status_moment(),
        "termination_code": "suspended",
        "expires_at": now() + timedelta(seconds=patience) if patience else None,
    }


@dataclass(frozen=True)
class Ending:
    """How a run ends. `unless_input`: not when messages for it came in meanwhile. `ever_waited`
    may be false only for a run none of whose calls had to wait: nothing of it can be left open."""

    termination: Termination
    response: str | None = None
    output: Any = None
    dead: bool = False
    unless_input: bool = False
    ever_waited: bool = True


def finish(commit: Commit, ending: Ending) -> bool:
    """Running → done; returns whether the thread has more work. Raises `InputArrived`."""
    run = commit.claim.run
    with transaction.atomic():
        lane = lanes.lock_existing(run.thread_id)
        if lane is None:
            raise LostRun
        if ending.unless_input and _HAS_INPUT.run(run_id=run.pk):
            raise InputArrived
        if not ending.unless_input:
            show_late_input(run)
        if ending.ever_waited:
            _close_leftovers(run)
        _write(commit, **_done(ending))
        _settle(commit.claim, ending)
        lane.holder_id = ""
        lanes.refresh(lane)
    return lane.ready_at is not None


def _done(ending: Ending) -> dict[str, Any]:
    return {
        "status": Run.Status.DONE,
        "status_changed_at": status_moment(),
        "termination_code": termination_code(ending.termination)[:64],
        "termination_detail": ending.termination.detail or "",
        "error_payload": error_payload(ending.termination),
        "final_output": ending.response,
        "output": ending.output,
        "finished_at": now(),
    }


def _settle(claim: Claim, ending: Ending) -> None:
    if ending.dead:
        error = ending.termination.detail or "failed"
        settled = settle.dead_letter(job_id=claim.job.pk, token=claim.token, error=error)
    else:
        settled = settle.accept(job_id=claim.job.pk, token=claim.token)
    if not settled:
        raise LostRun


def _close_leftovers(run: Run) -> None:
    """Calls decided in the last moment, continuations, and messages the run did not get to."""
    unfinished = ToolCall.objects.filter(run=run).exclude(status__in=ToolCall.FINAL)
    unfinished.update(status=ToolCall.Status.CANCELLED, updated_at=now())
    _close_continuations(run)


def _close_continuations(run: Run) -> None:
    """Queued for decisions that this attempt has taken up already: nothing is left to do."""
    queued = Job.objects.filter(run=run, state=Job.State.QUEUED)
    queued.update(state=Job.State.ACCEPTED, updated_at=now())


def retry_later(commit: Commit, *, error: str, delay: float | None) -> bool:
    """Gives the job back with a back-off; ends the run when its attempts are used up (False)."""
    claim = commit.claim
    with transaction.atomic():
        lane = lanes.lock_existing(claim.run.thread_id)
        if lane is None:
            raise LostRun
        _write(commit)
        wait = timedelta(seconds=delay) if delay else None
        if not settle.retry(job=claim.job, token=claim.token, error=error, delay=wait):
            raise LostRun
        job = Job.objects.get(pk=claim.job.pk)
        alive = job.attempt_count < job.max_attempts
        if alive:
            lanes.refresh(lane)
        else:
            Job.objects.filter(pk=job.pk).update(state=Job.State.DEAD_LETTER)
            bury(lane, job, error=error)
    return alive


def save(commit: Commit) -> None:
    """Events, totals and messages so far: a closed step, or progress of one that goes on."""
    with transaction.atomic():
        _write(commit)


def waiting_input(run: Run) -> list[RunInput]:
    """What was handed to the running run and not taken up yet, in order."""
    return list(RunInput.objects.filter(run=run, taken_at=None).order_by("pk"))


def take_input(commit: Commit, waiting: Sequence[RunInput]) -> None:
    """Places messages handed to the running run before its next step."""
    run = commit.claim.run
    ids = [message_id for row in waiting for message_id in row.message_ids]
    with transaction.atomic():
        _write(commit)
        Message.objects.filter(thread_id=run.thread_id, message_id__in=ids).update(
            turn=run.turn, step_index=commit.totals.steps
        )
        RunInput.objects.filter(pk__in=[row.pk for row in waiting]).update(taken_at=now())


# --- the shared parts ----------------------------------------------------------------------


def _write(commit: Commit, **changes: Any) -> None:
    run = commit.claim.run
    moment = now()
    last = {"last_seq": commit.records[-1].seq} if commit.records else {}
    _guard(run.pk, run.attempt, updated_at=moment, **commit.totals.columns(), **last, **changes)
    if commit.records:
        log.append_segment(run.pk, commit.records)
    of_thread = _thread_columns(commit)
    if commit.messages:
        append_messages(
            thread=run.thread,
            messages=commit.messages,
            run_id=run.pk,
            turn=run.turn,
            all_new=True,
            **of_thread,
        )
    else:
        Thread.objects.filter(pk=run.thread_id).update(updated_at=moment, **of_thread)
    for message in commit.replacements:
        replace_message(thread=run.thread, message=message)
    for call in commit.calls:
        _write_call(call, run.attempt)


def _guard(run_id: str, attempt: int, **changes: Any) -> None:
    """Writes the run's columns, if it is still this attempt's."""
    stored = columns(Run, changes)
    if not _guarded(tuple(stored)).run(run_id=run_id, of_attempt=attempt, **stored):
        raise LostRun


@cache
def _guarded(names: tuple[str, ...]) -> Update:
    return Update(
        lambda: Run.objects.filter(
            pk=arg("run_id"), attempt=arg("of_attempt"), status=Run.Status.RUNNING
        ),
        **{name: arg(name) for name in names},
    )


_HAS_INPUT = Exists(lambda: RunInput.objects.filter(run=arg("run_id"), taken_at=None))


def _thread_columns(commit: Commit) -> dict[str, Any]:
    """What changes on the thread besides its messages."""
    changed: dict[str, Any] = {"state": commit.state} if commit.state_changed else {}
    if any(SUMMARY in message.metadata for message in commit.messages):
        changed["has_summary"] = commit.claim.run.thread.has_summary = True
    return changed
