"""The native stream: run events in, native events out. Pure, synchronous, one instance per stream.

The member that tells events apart is ``event_type``. Besides the events of the native API these of
our own may appear: ``input_accepted``, ``tool_call_decided``, ``artifact_updated``,
``data_produced``, ``file_produced``, ``source_cited`` (their members are those of the run event),
``thread_state_snapshot`` and ``thread_state_delta`` (the state shared by the agents of a thread),
and ``stream_reset`` (what the open step has shown is void, it starts again).

``state_snapshot`` is not an event of the log: it is made from what came before, after each step and
before each ``run_finish``, and says what the run's record says in ``state``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentserver.core.api.answers import encode
from agentserver.core.sse import frame
from runs.api.payloads import (
    Payload,
    inference_complete,
    run_finish,
    run_result,
    run_start,
    simple_payload,
    tool_call_finished,
    tool_call_progress,
    tool_call_ready,
)
from runs.api.state import CallState, Lifecycle, code_of, run_state
from runs.events import cursor
from runs.events.types import (
    AnyEvent,
    InferenceCompleted,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepFinished,
    StepReset,
    StepStarted,
    Termination,
    ToolCallDecided,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
)

SUSPENDED = Termination(type="suspended")


@dataclass(frozen=True)
class Position:
    """What the encoder knows after an event, as a value: a `StepReset` goes back to an earlier one.

    `step` is the number of the open or last step, `steps` counts completed ones. `awaited` are
    calls the model began whose arguments have not been announced; `held` is the report of their
    inference, which follows them on the wire although it precedes them in the log. `ids` are those
    of the run and its thread.
    """

    seq: int = 0
    ids: Mapping[str, str] = field(default_factory=dict)
    status: str = "created"
    reason: str | None = None
    step: int = 0
    steps: int = 0
    step_is_open: bool = False
    calls: tuple[CallState, ...] = ()
    awaited: frozenset[str] = frozenset()
    held: InferenceCompleted | None = None

    def calls_with(self, changed: CallState) -> tuple[CallState, ...]:
        if self.call(changed.call_id) is None:
            return (*self.calls, changed)
        return tuple(changed if call.call_id == changed.call_id else call for call in self.calls)

    def call(self, call_id: str) -> CallState | None:
        return next((call for call in self.calls if call.call_id == call_id), None)


class NativeEncoder:
    """Translates the records of one run, given in order from its first.

    A stream that starts in the middle gives its position as ``after_seq``: what comes up to there
    is only remembered, and from there on the encoder says exactly what it would have said to
    somebody who watched from the beginning.
    """

    def __init__(self, run_id: str, *, after_seq: int = 0) -> None:
        self.run_id = run_id
        self._after_seq = after_seq
        self._now = Position()
        self._past: list[Position] = [self._now]
        self._last = 0
        self._shown = 0

    def encode(self, record: Record) -> list[Payload]:
        """The native events of one record; often one, sometimes none, at most four."""
        if self._last < self._after_seq < record.seq:
            # The reader saw what a dead attempt said last, which is in no log.
            self._shown = self._after_seq
        self._last = record.seq
        payloads = self._release(record) + self._translate(record)
        if payloads and not isinstance(record.event, StepReset):
            self._shown = record.seq
        return payloads if record.seq > self._after_seq else []

    def frames(self, record: Record) -> bytes:
        """`encode` as server-sent events in one piece, so that no connection ends between them.

        Only the last carries an id: it says that all of the record has been received.
        """
        return as_frames(self.encode(record), position=cursor.encode_run(self.run_id, record.seq))

    # --- one event -----------------------------------------------------------------------------

    def _translate(self, record: Record) -> list[Payload]:
        match record.event:
            case RunStarted() as event:
                return self._run_started(record, event)
            case StepStarted() as event:
                return self._step_started(record, event)
            case StepFinished() as event:
                return self._step_finished(record, event)
            case StepReset() as event:
                return self._step_reset(event)
            case RunSuspended() as event:
                return self._run_suspended(record, event)
            case RunFinished() as event:
                return self._run_finished(record, event)
            case event:
                return self._inside_step(record, event)

    def _inside_step(self, record: Record, event: AnyEvent) -> list[Payload]:
        match event:
            case InferenceCompleted() if self._now.awaited:
                self._move(record, held=event)
                return []
            case InferenceCompleted():
                return [inference_complete(event)]
            case ToolCallStarted():
                self._move(record, awaited=self._now.awaited | {event.call_id})
            case ToolCallReady():
                return self._call_ready(record, event)
            case ToolCallProgress():
                return [tool_call_progress(event, ids=self._now.ids)]
            case ToolCallDecided():
                self._call_decided(record, event)
            case ToolCallFinished():
                self._call_finished(record, event)
                return [tool_call_finished(event)]
        payload = simple_payload(event)
        return [payload] if payload else []

    def _release(self, record: Record) -> list[Payload]:
        """The held report, before anything but the calls it waits for."""
        held = self._now.held
        if held is None or isinstance(record.event, ToolCallReady | StepReset):
            return []
        self._move(record, held=None, awaited=frozenset())
        return [inference_complete(held)]

    # --- the run -------------------------------------------------------------------------------

    def _run_started(self, record: Record, event: RunStarted) -> list[Payload]:
        ids = {"run_id": event.run_id, "thread_id": event.thread_id}
        if event.parent_run_id:
            ids["parent_run_id"] = event.parent_run_id
        self._move(record, status="running", reason=None, ids=ids)
        return [run_start(event)]

    def _run_suspended(self, record: Record, event: RunSuspended) -> list[Payload]:
        closing = self._close_step()
        # The step that waits is not complete, although its end has been shown.
        self._move(record, status="waiting", reason=code_of(SUSPENDED), steps=self._now.step)
        return [
            *closing,
            self._snapshot(record),
            run_finish(event, termination=SUSPENDED, result=None),
        ]

    def _run_finished(self, record: Record, event: RunFinished) -> list[Payload]:
        closing = self._close_step()
        self._move(
            record,
            status="done",
            reason=code_of(event.termination),
            steps=event.steps,
            calls=tuple(_ended(call, at=record.at) for call in self._now.calls),
        )
        return [
            *closing,
            self._snapshot(record),
            run_finish(event, termination=event.termination, result=run_result(event)),
        ]

    # --- steps ---------------------------------------------------------------------------------

    def _step_started(self, record: Record, event: StepStarted) -> list[Payload]:
        calls = tuple(call for call in self._now.calls if call.step >= event.step - 1)
        self._forget_before(event.step - 1)
        self._move(
            record,
            step=event.step,
            steps=event.step,
            step_is_open=True,
            calls=calls,
            awaited=frozenset(),
        )
        return [{"event_type": "step_start", "message_id": event.message_id}]

    def _step_finished(self, record: Record, event: StepFinished) -> list[Payload]:
        waits = any(call.is_open for call in self._now.calls if call.step == event.step)
        self._move(record, steps=event.step + (not waits), step_is_open=False)
        return [self._snapshot(record), {"event_type": "step_end"}]

    def _step_reset(self, event: StepReset) -> list[Payload]:
        while len(self._past) > 1 and self._past[-1].seq > event.after_seq:
            self._past.pop()
        self._now = self._past[-1]
        was_shown = self._shown > event.after_seq
        self._shown = min(self._shown, event.after_seq)
        return [{"event_type": "stream_reset", "reason": event.reason}] if was_shown else []

    def _close_step(self) -> list[Payload]:
        return [{"event_type": "step_end"}] if self._now.step_is_open else []

    # --- calls ---------------------------------------------------------------------------------

    def _call_ready(self, record: Record, event: ToolCallReady) -> list[Payload]:
        state = CallState(
            call_id=event.call_id,
            name=event.name,
            step=self._now.step,
            arguments=event.arguments,
            status="running",
            updated_at=record.at,
        )
        awaited = self._now.awaited - {event.call_id}
        self._move(record, calls=self._now.calls_with(state), awaited=awaited)
        payloads = [tool_call_ready(event)]
        if self._now.held and not self._now.awaited:
            payloads.append(inference_complete(self._now.held))
            self._move(record, held=None)
        return payloads

    def _call_decided(self, record: Record, event: ToolCallDecided) -> None:
        call = self._now.call(event.call_id)
        if call:
            decision = event.model_dump(include={"decision_id", "action", "payload"})
            self._set_call(record, replace(call, status="running", decision=decision))

    def _call_finished(self, record: Record, event: ToolCallFinished) -> None:
        call = self._now.call(event.call_id)
        if call:
            suspension = event.suspension or call.suspension
            self._set_call(record, replace(call, status=event.outcome, suspension=suspension))

    def _set_call(self, record: Record, call: CallState) -> None:
        changed = replace(call, updated_at=record.at)
        self._move(record, calls=self._now.calls_with(changed))

    # --- position ------------------------------------------------------------------------------

    def _move(self, record: Record, **changes: Any) -> None:
        self._now = replace(self._now, seq=record.seq, **changes)
        if self._past[-1].seq == record.seq:
            self._past.pop()
        self._past.append(self._now)

    def _forget_before(self, step: int) -> None:
        """Every step is committed before the next begins, so no reset goes back further."""
        kept = [place for place in self._past if place.step >= step]
        self._past = kept or self._past[-1:]

    def _snapshot(self, record: Record) -> Payload:
        now = self._now
        lifecycle = Lifecycle(self.run_id, now.status, now.reason, record.at, now.steps)
        state = run_state(lifecycle, now.calls, revision=record.seq)
        return {"event_type": "state_snapshot", "snapshot": state}


def as_frames(bodies: Sequence[Payload], *, position: str) -> bytes:
    """Data-only frames in one piece; the last one says how far the reader has got."""
    if not bodies:
        return b""
    *others, last = [encode(body) for body in bodies]
    return b"".join(frame(data) for data in others) + frame(last, id=position)


def _ended(call: CallState, *, at: int) -> CallState:
    return replace(call, status="cancelled", updated_at=at) if call.is_open else call
