"""Folding the events of a run into what its rows say: the run, and the messages it added.

Pure: no database. Independent of the engine, which must store the same: then a stream and a later
read never disagree.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from runs.events.fold import surviving, tool_text
from runs.events.types import (
    AnyEvent,
    FileProduced,
    InferenceCompleted,
    InputAccepted,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepFinished,
    StepReset,
    StepStarted,
    Suspension,
    Termination,
    TextDelta,
    TextStarted,
    ToolCallFinished,
    ToolCallReady,
    Usage,
)
from threads.content import file_block

Json = dict[str, Any]


@dataclass
class RunSummary:
    """What the log says about a run: `usage` sums its inferences, `tickets` are the open ones.

    `steps` counts finished steps (a suspended one is not), `response` is the final text,
    `input_message_ids` are all messages the run took up, in order.
    """

    status: str = "created"
    termination: Termination | None = None
    waiting_reason: str | None = None
    tickets: list[Suspension] = field(default_factory=list)
    attempt: int = 0
    steps: int = 0
    usage: Usage = field(default_factory=dict)
    model: str | None = None
    response: str | None = None
    output: Any = None
    input_message_ids: list[str] = field(default_factory=list)

    def dump(self) -> Json:
        plain = asdict(self)
        plain["termination"] = self.termination and self.termination.model_dump(exclude_none=True)
        plain["tickets"] = [ticket.model_dump(exclude_none=True) for ticket in self.tickets]
        return plain


def fold(records: Iterable[Record]) -> tuple[RunSummary, list[Json]]:
    """The run's summary and its messages in the order they were stored (docs/native-api.md).

    An assistant message counts once its inference completed: the text of an inference that was
    cancelled or failed is shown, never stored. Tool messages follow in the order of their calls,
    a suspended call's placeholder included; the later outcome replaces its text.
    """
    folding = _Folding()
    for record in surviving(records):
        folding.apply(record.event)
    return folding.run, folding.messages()


class _Folding:
    def __init__(self) -> None:
        self.run = RunSummary()
        self._messages: dict[str, Json] = {}
        self._completed: set[str] = set()
        self._blocks: dict[str, Json] = {}
        self._step_now = 0
        self._closed_steps: set[int] = set()

    def apply(self, event: AnyEvent) -> None:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def messages(self) -> list[Json]:
        return [
            message
            for message_id, message in self._messages.items()
            if message and (message["role"] == "tool" or message_id in self._completed)
        ]

    def started(self, event: RunStarted) -> None:
        self.run.attempt = event.attempt
        self.run.input_message_ids += event.input_message_ids
        self._runs()

    def reset(self, event: StepReset) -> None:
        self._runs()

    def input_accepted(self, event: InputAccepted) -> None:
        self.run.input_message_ids += event.message_ids

    def suspended(self, event: RunSuspended) -> None:
        self.run.status = "waiting"
        self.run.termination = Termination(type="suspended")
        self.run.waiting_reason = event.reason
        self.run.tickets = list(event.tickets)
        self._closed_steps.discard(self._step_now)
        self._count_steps()

    def finished(self, event: RunFinished) -> None:
        self._runs()
        self.run.status = "done"
        self.run.termination = event.termination
        self.run.response = event.response
        self.run.output = event.output
        self.run.steps = event.steps

    def step_started(self, event: StepStarted) -> None:
        if self._step_now < event.step and self._messages:
            # A step that was suspended is over when the next one begins.
            self._closed_steps.add(self._step_now)
            self._count_steps()
        self._step_now = event.step
        self._assistant(event.message_id)

    def step_finished(self, event: StepFinished) -> None:
        self._closed_steps.add(event.step)
        self._count_steps()

    def inference_completed(self, event: InferenceCompleted) -> None:
        self._assistant(event.message_id)
        self._completed.add(event.message_id)
        self.run.model = event.model
        for kind, tokens in event.usage.items():
            self.run.usage[kind] = self.run.usage.get(kind, 0) + tokens

    def text_started(self, event: TextStarted) -> None:
        self._open(event.message_id, event.block_id, {"type": "text", "text": ""})

    def text_delta(self, event: TextDelta) -> None:
        self._blocks[event.block_id]["text"] += event.delta

    def reasoning_started(self, event: ReasoningStarted) -> None:
        self._open(event.message_id, event.block_id, {"type": "thinking", "thinking": ""})

    def reasoning_delta(self, event: ReasoningDelta) -> None:
        self._blocks[event.block_id]["thinking"] += event.delta

    def reasoning_ended(self, event: ReasoningEnded) -> None:
        if event.signature is not None:
            self._blocks[event.block_id]["signature"] = event.signature
        if event.provider is not None:
            self._blocks[event.block_id]["provider"] = event.provider

    def file_produced(self, event: FileProduced) -> None:
        block = file_block(event.media_type, data=event.data, url=event.url, name=event.name)
        self._open(event.message_id, event.block_id, block)

    def call_ready(self, event: ToolCallReady) -> None:
        call = {"id": event.call_id, "name": event.name, "arguments": event.arguments}
        self._assistant(event.message_id)["tool_calls"].append(call)
        # Results stand in the order of the calls, whichever ends first.
        self._messages.setdefault(_place(event.call_id), {})

    def call_finished(self, event: ToolCallFinished) -> None:
        message = self._messages.setdefault(_place(event.call_id), {})
        message |= {
            "id": event.result_message_id,
            "role": "tool",
            "content": [{"type": "text", "text": tool_text(event)}, *event.content],
            "tool_call_id": event.call_id,
        }
        message.setdefault("step_index", self._step_now)

    def _count_steps(self) -> None:
        self.run.steps = len(self._closed_steps)

    def _runs(self) -> None:
        self.run.status = "running"
        self.run.termination = self.run.waiting_reason = None
        self.run.tickets = []

    def _assistant(self, message_id: str) -> Json:
        fresh: Json = {"id": message_id, "role": "assistant", "content": [], "tool_calls": []}
        return self._messages.setdefault(message_id, {**fresh, "step_index": self._step_now})

    def _open(self, message_id: str, block_id: str, block: Json) -> None:
        self._blocks[block_id] = block
        self._assistant(message_id)["content"].append(block)


def _place(call_id: str) -> str:
    return f"result of {call_id}"


_HANDLERS: dict[type, Callable[[_Folding, Any], None]] = {
    RunStarted: _Folding.started,
    StepReset: _Folding.reset,
    InputAccepted: _Folding.input_accepted,
    RunSuspended: _Folding.suspended,
    RunFinished: _Folding.finished,
    StepStarted: _Folding.step_started,
    StepFinished: _Folding.step_finished,
    InferenceCompleted: _Folding.inference_completed,
    TextStarted: _Folding.text_started,
    TextDelta: _Folding.text_delta,
    ReasoningStarted: _Folding.reasoning_started,
    ReasoningDelta: _Folding.reasoning_delta,
    ReasoningEnded: _Folding.reasoning_ended,
    FileProduced: _Folding.file_produced,
    ToolCallReady: _Folding.call_ready,
    ToolCallFinished: _Folding.call_finished,
}
