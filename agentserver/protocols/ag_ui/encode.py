"""The AG-UI stream: run events in, AG-UI events out. Pure, synchronous, one instance per stream.

A step that starts again (`StepReset`) closes what it had open and is then taken back by a
MESSAGES_SNAPSHOT without what it showed. Reasoning that will come again under its old id is emptied
by the same snapshot; clients before 0.0.59 keep reasoning whatever a snapshot says.
"""

from collections.abc import Callable
from typing import Any

from agentserver.protocols.ag_ui.extras import custom_frames
from agentserver.protocols.ag_ui.frames import Echo, Frame, History, of_message, of_state
from agentserver.protocols.ag_ui.outcome import (
    CLIENT_TOOL,
    ending,
    interrupt,
    suspended_outcome,
    token_usage,
)
from agentserver.protocols.ag_ui.output import Output
from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    InferenceCompleted,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    Record,
    RunFinished,
    RunSuspended,
    StateDelta,
    StateSnapshot,
    StepFinished,
    StepReset,
    StepStarted,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
    Usage,
)

PROTOCOL_VERSION = "1.0"
Handler = Callable[[Any], list[Frame]]


class AgUiEncoder:
    """Translates the records of one run, given in order from its first.

    ``after_seq``: what comes up to there was said in an earlier stream and is only remembered.
    ``held_results``: ids of calls whose results the client already has. After `done` nothing more
    may be sent.
    """

    def __init__(
        self, echo: Echo, *, after_seq: int = 0, held_results: frozenset[str] = frozenset()
    ) -> None:
        self.done = False
        self._echo = echo
        self._after_seq = after_seq
        self._output = Output(held_results)
        self._activities: set[str] = set()
        self._state_seq = 0
        self._usage: dict[str, Usage] = {}
        output = self._output
        self._handlers: dict[type, Handler] = {
            TextDelta: output.text_delta,
            TextStarted: output.text_started,
            TextEnded: output.text_ended,
            ReasoningStarted: output.reasoning_started,
            ReasoningDelta: output.reasoning_delta,
            ReasoningEnded: output.reasoning_ended,
            ToolCallStarted: output.call_started,
            ToolCallDelta: output.call_delta,
            ToolCallReady: output.call_ready,
            ToolCallFinished: output.call_finished,
            ToolCallProgress: _progress,
            StepStarted: output.step_started,
            StepFinished: output.step_finished,
            InferenceCompleted: self._inference_completed,
            StateSnapshot: self._state_snapshot,
            StateDelta: self._state_delta,
            ActivitySnapshot: self._activity_snapshot,
            ActivityDelta: self._activity_delta,
            RunFinished: self._finished,
        }

    # --- the stream ----------------------------------------------------------------------------

    def begin(self, state: Frame | None = None) -> list[Frame]:
        """The first events; ``state`` when the client has another one than the thread."""
        started: Frame = {"type": "RUN_STARTED", **self._echo.ids}
        if self._echo.parent_run_id:
            started["parentRunId"] = self._echo.parent_run_id
        if self._echo.modern:
            started["protocolVersion"] = PROTOCOL_VERSION
        return [started, *([of_state(state)] if state else [])]

    def fail(self, message: str, code: str) -> list[Frame]:
        """The end of a stream that cannot go on; nothing when it has ended already."""
        if self.done:
            return []
        self.done = True
        return [*self._output.close(), {"type": "RUN_ERROR", "message": message, "code": code}]

    def wants_history(self, record: Record) -> bool:
        """Whether `encode` has to be told what is stored."""
        if record.seq <= self._after_seq:
            return False
        match record.event:
            case RunSuspended() as event:
                return self._echo.modern and _asks_people(event)
            case StepReset() as event:
                return self._voids(event)
            case _:
                return False

    def encode(self, record: Record, history: History | None = None) -> list[Frame]:
        """The AG-UI events of one record; most often one."""
        event = record.event
        self._output.seq = record.seq
        handler = self._handlers.get(type(event))
        if handler is not None:
            frames = handler(event)
        elif isinstance(event, StepReset):
            frames = self._reset(event, history, is_past=record.seq <= self._after_seq)
        elif isinstance(event, RunSuspended):
            frames = self._suspended(event, history)
        else:
            frames = custom_frames(event)
        if record.seq > self._after_seq:
            return frames
        self.done = False
        self._usage.clear()
        return []

    def _inference_completed(self, event: InferenceCompleted) -> list[Frame]:
        counts = self._usage.setdefault(event.model, {})
        for kind, tokens in event.usage.items():
            counts[kind] = counts.get(kind, 0) + tokens
        return []

    # --- state and activities ------------------------------------------------------------------

    def _state_snapshot(self, event: StateSnapshot) -> list[Frame]:
        self._state_seq = self._output.seq
        return [of_state(event.snapshot)]

    def _state_delta(self, event: StateDelta) -> list[Frame]:
        self._state_seq = self._output.seq
        return [{"type": "STATE_DELTA", "delta": event.delta}]

    def _activity_snapshot(self, event: ActivitySnapshot) -> list[Frame]:
        self._activities.add(event.activity_id)
        return [
            {
                **of_message("ACTIVITY_SNAPSHOT", event.activity_id),
                "activityType": event.activity_type,
                "content": event.content,
                "replace": event.replace,
            }
        ]

    def _activity_delta(self, event: ActivityDelta) -> list[Frame]:
        """A client has nothing to apply a change to when it was never shown the activity."""
        if event.activity_id not in self._activities:
            return []
        return [
            {
                **of_message("ACTIVITY_DELTA", event.activity_id),
                "activityType": event.activity_type,
                "patch": event.patch,
            }
        ]

    # --- starting again ------------------------------------------------------------------------

    def _voids(self, event: StepReset) -> bool:
        newest = max(self._output.shown.values(), default=0)
        return max(newest, self._state_seq) > event.after_seq

    def _reset(self, event: StepReset, history: History | None, *, is_past: bool) -> list[Frame]:
        frames, voids = self._output.close(), self._voids(event)
        gone = self._output.forget_after(event.after_seq)
        state_is_gone = self._state_seq > event.after_seq
        self._state_seq = min(self._state_seq, event.after_seq)
        if not voids or is_past:
            return frames
        if history is None:
            return [*frames, *self.fail("the step started again: read the messages", "reset")]
        messages = [*self._surviving(history), *_emptied(event, gone)]
        frames.append({"type": "MESSAGES_SNAPSHOT", "messages": messages})
        return [*frames, of_state(history.state)] if state_is_gone else frames

    def _surviving(self, history: History) -> list[Frame]:
        """What the client should hold now; what this run will only announce later is not there."""
        shown = self._output.shown.keys()
        return [
            each.frame
            for each in history.messages
            if not each.written or each.source in shown or each.frame["id"] in shown
        ]

    # --- rests and ends ------------------------------------------------------------------------

    def _suspended(self, event: RunSuspended, history: History | None) -> list[Frame]:
        self.done = True
        interrupts, pending = [], []
        for ticket in event.tickets:
            call_id, name = self._output.asked_by(ticket.ticket_id)
            if ticket.kind == CLIENT_TOOL:
                pending.append(call_id)
            else:
                interrupts.append(interrupt(ticket, call_id=call_id, tool_name=name))
        finished: Frame = {"type": "RUN_FINISHED", **self._echo.ids}
        outcome = suspended_outcome(interrupts, pending, modern=self._echo.modern)
        if outcome is not None:
            finished["outcome"] = outcome
        return [*self._output.close(), *self._snapshots(history), self._with_usage(finished)]

    def _snapshots(self, history: History | None) -> list[Frame]:
        if history is None:
            return []
        messages: Frame = {"type": "MESSAGES_SNAPSHOT", "messages": self._surviving(history)}
        return [of_state(history.state), messages] if history.state else [messages]

    def _finished(self, event: RunFinished) -> list[Frame]:
        self.done = True
        *before, last = ending(event, self._echo.ids, modern=self._echo.modern)
        return [*self._output.close(), *before, self._with_usage(last)]

    def _with_usage(self, last: Frame) -> Frame:
        usage = token_usage(self._usage)
        if usage and (self._echo.modern or last["type"] == "RUN_FINISHED"):
            return {**last, "usage": usage}
        return last


def _progress(event: ToolCallProgress) -> list[Frame]:
    """One activity per call, replaced by each report."""
    content = event.model_dump(exclude_none=True, exclude={"type", "call_id", "name"})
    return [
        {
            **of_message("ACTIVITY_SNAPSHOT", f"progress:{event.call_id}"),
            "activityType": "tool_progress",
            "content": {"toolCallId": event.call_id, "toolName": event.name, **content},
            "replace": True,
        }
    ]


def _asks_people(event: RunSuspended) -> bool:
    return any(ticket.kind != CLIENT_TOOL for ticket in event.tickets)


def _emptied(event: StepReset, gone: set[str]) -> list[Frame]:
    """Reasoning that the repetition will show under the same ids."""
    if event.message_id is None:
        return []
    again = f"{event.message_id}:reasoning:"
    ids = sorted(each for each in gone if each.startswith(again))
    return [{"id": each, "role": "reasoning", "content": ""} for each in ids]
