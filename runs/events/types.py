"""The run events: one closed union that every protocol face is a translation of.

An event carries every id a face needs (assistant message, text or reasoning block, tool call, tool
result, ticket, step); ids are made once, by the engine, so a replay, a second viewer and the stored
messages agree. Folding the events of a run gives its row and its messages (docs/events.md).

Order inside one step::

    step_started (reasoning_* | text_* | tool_call_started tool_call_delta* | file | source
                  | artifact | data | activity)*
    inference_completed tool_call_ready* (progress | output)* tool_call_finished* step_finished

A step that was interrupted by a crash or a retry is voided by `StepReset` and started again.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter

from runs.events.payloads import Event as Event
from runs.events.payloads import Suspension as Suspension
from runs.events.payloads import Termination as Termination
from runs.events.payloads import Usage as Usage

# --- run --------------------------------------------------------------------------------


class RunStarted(Event):
    """A worker took the run up: at first, after each resume and after each recovery."""

    type: Literal["run_started"] = "run_started"
    thread_id: str
    run_id: str
    agent_id: str
    parent_run_id: str | None = None
    attempt: int
    cause: Literal["start", "resume", "recover"] = "start"
    input_message_ids: list[str] = []


class InputAccepted(Event):
    """Messages that reached a running run (steering) and are part of the next inference."""

    type: Literal["input_accepted"] = "input_accepted"
    message_ids: list[str]


class RunSuspended(Event):
    """The run waits; no worker holds it. `tickets` are all open ones."""

    type: Literal["run_suspended"] = "run_suspended"
    thread_id: str
    run_id: str
    tickets: list[Suspension]
    reason: str


class RunFinished(Event):
    """The last event of every run. `output` is set by remote and structured-output agents."""

    type: Literal["run_finished"] = "run_finished"
    thread_id: str
    run_id: str
    termination: Termination
    response: str | None = None
    output: JsonValue = None
    steps: int
    usage: Usage = {}


# --- step -------------------------------------------------------------------------------


class StepStarted(Event):
    """`message_id` is the assistant message this step will store."""

    type: Literal["step_started"] = "step_started"
    step: int
    message_id: str


class StepFinished(Event):
    type: Literal["step_finished"] = "step_finished"
    step: int


class StepReset(Event):
    """Everything after event `after_seq` is void: the step is done again from its start."""

    type: Literal["step_reset"] = "step_reset"
    step: int
    message_id: str | None = None
    after_seq: int
    reason: str


class InferenceCompleted(Event):
    type: Literal["inference_completed"] = "inference_completed"
    message_id: str
    model: str
    usage: Usage
    duration_ms: int
    finish_reason: str | None = None
    cost_usd: str | None = None


# --- model output -----------------------------------------------------------------------


class TextStarted(Event):
    type: Literal["text_started"] = "text_started"
    message_id: str
    block_id: str


class TextDelta(Event):
    type: Literal["text_delta"] = "text_delta"
    block_id: str
    delta: str


class TextEnded(Event):
    type: Literal["text_ended"] = "text_ended"
    block_id: str


class ReasoningStarted(Event):
    type: Literal["reasoning_started"] = "reasoning_started"
    message_id: str
    block_id: str


class ReasoningDelta(Event):
    type: Literal["reasoning_delta"] = "reasoning_delta"
    block_id: str
    delta: str


class ReasoningEnded(Event):
    """`signature` is the provider's opaque continuation value, needed to send the block back."""

    type: Literal["reasoning_ended"] = "reasoning_ended"
    block_id: str
    signature: str | None = None
    provider: str | None = None


class FileProduced(Event):
    """A file in the answer: `data` is base64, or `url` points at it."""

    type: Literal["file_produced"] = "file_produced"
    message_id: str
    block_id: str
    media_type: str
    data: str | None = None
    url: str | None = None
    name: str | None = None


class SourceCited(Event):
    type: Literal["source_cited"] = "source_cited"
    message_id: str
    source_id: str
    kind: Literal["url", "document"]
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    file_name: str | None = None


# --- tools ------------------------------------------------------------------------------


class ToolCallStarted(Event):
    """The model begins a call; `client_side` when the caller supplied the tool and will run it."""

    type: Literal["tool_call_started"] = "tool_call_started"
    call_id: str
    name: str
    message_id: str
    client_side: bool = False


class ToolCallDelta(Event):
    """A fragment of the arguments' JSON text; the fragments of a call join to exactly its text."""

    type: Literal["tool_call_delta"] = "tool_call_delta"
    call_id: str
    delta: str


class ToolCallReady(Event):
    type: Literal["tool_call_ready"] = "tool_call_ready"
    call_id: str
    name: str
    arguments: JsonValue
    message_id: str
    client_side: bool = False
    invalid: str | None = None


class ToolCallProgress(Event):
    """Progress of a running call, `loaded` of `total` in the tool's own unit."""

    type: Literal["tool_call_progress"] = "tool_call_progress"
    call_id: str
    name: str
    status: Literal["pending", "running", "done", "failed", "cancelled"]
    progress: float | None = None
    loaded: float | None = None
    total: float | None = None
    message: str | None = None
    child_run_id: str | None = None


class ToolCallOutput(Event):
    """Output streamed by a tool before its result."""

    type: Literal["tool_call_output"] = "tool_call_output"
    call_id: str
    name: str
    delta: str


class ToolCallDecided(Event):
    """A person or client answered a ticket."""

    type: Literal["tool_call_decided"] = "tool_call_decided"
    call_id: str
    ticket_id: str
    decision_id: str
    action: Literal["resume", "cancel"]
    payload: JsonValue = None


class ToolCallFinished(Event):
    """The outcome of a call; ``suspended`` is provisional, the others are final.

    `result_message_id` is the tool message that stores it. `data` is what the tool returned,
    `message` the text the model reads when it differs from the data, `content` further blocks of
    the tool message, `resumed` true when a decision preceded it, `denied` true when that decision
    or a rule refused the call.
    """

    type: Literal["tool_call_finished"] = "tool_call_finished"
    call_id: str
    name: str
    outcome: Literal["succeeded", "failed", "suspended", "cancelled"]
    result_message_id: str
    data: JsonValue = None
    message: str | None = None
    error: str | None = None
    suspension: Suspension | None = None
    content: list[dict[str, JsonValue]] = []
    metadata: dict[str, JsonValue] = {}
    resumed: bool = False
    denied: bool = False


# --- everything else a face may show ----------------------------------------------------


class StateSnapshot(Event):
    type: Literal["state_snapshot"] = "state_snapshot"
    snapshot: dict[str, JsonValue]


class StateDelta(Event):
    """RFC 6902 operations on the thread's shared state."""

    type: Literal["state_delta"] = "state_delta"
    delta: list[dict[str, JsonValue]]


class ActivitySnapshot(Event):
    type: Literal["activity_snapshot"] = "activity_snapshot"
    activity_id: str
    activity_type: str
    content: dict[str, JsonValue]
    replace: bool = True


class ActivityDelta(Event):
    type: Literal["activity_delta"] = "activity_delta"
    activity_id: str
    activity_type: str
    patch: list[dict[str, JsonValue]]


class ArtifactUpdated(Event):
    """A piece of a named artifact: `parts` are content blocks plus ``data{data}`` blocks."""

    type: Literal["artifact_updated"] = "artifact_updated"
    artifact_id: str
    name: str | None = None
    description: str | None = None
    parts: list[dict[str, JsonValue]]
    append: bool = False
    last_chunk: bool = True
    metadata: dict[str, JsonValue] = {}


class DataProduced(Event):
    """Application data for the client; a transient one is shown, never stored in a message."""

    type: Literal["data_produced"] = "data_produced"
    name: str
    data: JsonValue = None
    data_id: str | None = None
    transient: bool = False


class ErrorReported(Event):
    """A fault worth showing that does not end the run by itself."""

    type: Literal["error_reported"] = "error_reported"
    message: str
    code: str | None = None


AnyEvent = Annotated[
    RunStarted
    | InputAccepted
    | RunSuspended
    | RunFinished
    | StepStarted
    | StepFinished
    | StepReset
    | InferenceCompleted
    | TextStarted
    | TextDelta
    | TextEnded
    | ReasoningStarted
    | ReasoningDelta
    | ReasoningEnded
    | FileProduced
    | SourceCited
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallReady
    | ToolCallProgress
    | ToolCallOutput
    | ToolCallDecided
    | ToolCallFinished
    | StateSnapshot
    | StateDelta
    | ActivitySnapshot
    | ActivityDelta
    | ArtifactUpdated
    | DataProduced
    | ErrorReported,
    Field(discriminator="type"),
]

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


class Record:
    """One event at its place in the log of its run.

    `seq` counts from 1 per run and only ever grows; it jumps when a crashed attempt was given up,
    so that no number is used twice. `at` is Unix milliseconds.
    """

    __slots__ = ("at", "event", "seq")

    def __init__(self, seq: int, at: int, event: AnyEvent) -> None:
        self.seq = seq
        self.at = at
        self.event = event

    def dump(self) -> dict[str, Any]:
        """``{"seq", "at", **event}``: the stored and transported form."""
        return {"seq": self.seq, "at": self.at, **self.event.model_dump(exclude_none=True)}

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "Record":
        event = {key: value for key, value in stored.items() if key not in {"seq", "at"}}
        return cls(stored["seq"], stored["at"], EVENT.validate_python(event))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.dump() == other.dump()

    def __repr__(self) -> str:
        return f"Record({self.seq}, {self.event!r})"


def is_last(event: AnyEvent) -> bool:
    return isinstance(event, RunFinished)
