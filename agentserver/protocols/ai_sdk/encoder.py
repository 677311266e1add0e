"""Run events in, chunks of one UI message out. Pure, synchronous, one instance per stream.

The same records give the same chunks for everybody: a live viewer, a second one, a replay and the
listing. What the wire cannot carry (a reset, a decision taken elsewhere) is left out rather than
sent to old clients, which would refuse the whole stream.
"""

from collections.abc import Callable, Iterator
from typing import Any

from agentserver.protocols.ai_sdk.artifacts import Artifacts
from agentserver.protocols.ai_sdk.calls import CallBook, input_delta
from agentserver.protocols.ai_sdk.chunks import (
    Chunk,
    given,
)
from agentserver.protocols.ai_sdk.endings import GIVEN_UP, RETRIED, ending, finish
from agentserver.protocols.ai_sdk.redo import MODEL_OUTPUT, Piece, Pieces, Redo
from agentserver.protocols.ai_sdk.shown import shown
from runs.events.types import (
    AnyEvent,
    ArtifactUpdated,
    InferenceCompleted,
    ReasoningDelta,
    ReasoningEnded,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepFinished,
    StepReset,
    StepStarted,
    TextDelta,
    TextEnded,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
    Usage,
)

GONE = "the run does not exist any more"


class MessageEncoder:
    """Translates the records of one run, given in order from its first.

    A client that already holds the message as it was after ``after_seq`` (it answers an approval)
    gets only what followed, after a ``start`` with the same id.
    """

    def __init__(self, run_id: str, *, after_seq: int = 0) -> None:
        self.run_id = run_id
        self.over = False
        self.rests = False
        self._after_seq = after_seq
        self._is_announced = False
        self._metadata: dict[str, Any] = {}
        self._calls = CallBook()
        self._artifacts = Artifacts()
        self._usage: Usage = {}
        self._finish_reason: str | None = None
        # The open step: its first seq, its open blocks (wire id to kind), what the model said.
        self._step_seq = 0
        self._step_is_open = False
        self._step_has_calls = False
        self._open: dict[str, str] = {}
        self._wire_ids: dict[str, str] = {}
        self._pieces = Pieces()
        self._redo: Redo | None = None

    def encode(self, record: Record) -> list[Chunk]:
        """The chunks of one record: often one, sometimes none."""
        chunks = list(self._translate(record.seq, record.event))
        return self._announced(chunks) if chunks and record.seq > self._after_seq else []

    def end(self) -> list[Chunk]:
        """What remains to be said once no more records come: the run waits, or is gone."""
        if self.over:
            return []
        self.over = True
        if self.rests:
            return self._announced([finish("tool-calls", self._usage)])
        closing = [*self._close_blocks(), *self._finish_step()]
        return self._announced([*closing, {"type": "error", "errorText": GONE}])

    def _announced(self, chunks: list[Chunk]) -> list[Chunk]:
        """With the one ``start`` of the stream before its first chunk."""
        if self._is_announced:
            return chunks
        self._is_announced = True
        about = given(messageMetadata=self._metadata or None)
        start = {"type": "start", "messageId": self.run_id, **about}
        return [start, *(chunk for chunk in chunks if chunk["type"] != "start")]

    # --- one event -----------------------------------------------------------------------------

    def _translate(self, seq: int, event: AnyEvent) -> Iterator[Chunk]:
        self.rests = isinstance(event, RunSuspended)
        if self._redo is not None:
            yield from self._retrace(self._redo, seq, event)
            return
        if isinstance(event, StepStarted):
            self._step_seq = seq
        if isinstance(event, MODEL_OUTPUT):
            self._pieces.note(event)
        yield from self._handled(event)

    def _handled(self, event: AnyEvent) -> Iterator[Chunk]:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            yield from handler(self, event)
        else:
            yield from shown(event)

    def run_started(self, event: RunStarted) -> Iterator[Chunk]:
        if not self._metadata:
            self._metadata = {
                "runId": event.run_id,
                "threadId": event.thread_id,
                "agentId": event.agent_id,
            }
            yield {"type": "start"}

    def run_finished(self, event: RunFinished) -> Iterator[Chunk]:
        self.over = True
        yield from self._close_blocks()
        if event.termination.type != "natural_end":
            yield from self._calls.give_up(GIVEN_UP)
        had_calls = self._step_has_calls
        yield from self._finish_step()
        yield from ending(
            event.termination,
            had_calls=had_calls,
            model_reason=self._finish_reason,
            usage=self._usage,
        )

    # --- steps ---------------------------------------------------------------------------------

    def step_started(self, event: StepStarted) -> Iterator[Chunk]:
        self._pieces, self._wire_ids = Pieces(), {}
        if not self._step_is_open:
            yield from self._start_step()

    def step_finished(self, event: StepFinished) -> Iterator[Chunk]:
        yield from self._close_blocks()
        yield from self._finish_step()

    def step_reset(self, event: StepReset) -> Iterator[Chunk]:
        """Only what a model said is said again; outcomes of calls replace each other."""
        if self._step_is_open and event.after_seq < self._step_seq and self._pieces.all:
            self._redo = Redo(self._pieces)
        yield from ()

    def inference_completed(self, event: InferenceCompleted) -> Iterator[Chunk]:
        self._finish_reason = event.finish_reason
        for name, count in event.usage.items():
            self._usage[name] = self._usage.get(name, 0) + count
        yield from ()

    def _start_step(self) -> Iterator[Chunk]:
        self._step_is_open, self._step_has_calls = True, False
        yield {"type": "start-step"}

    def _finish_step(self) -> Iterator[Chunk]:
        if self._step_is_open:
            self._step_is_open = False
            yield {"type": "finish-step"}

    # --- what the model says -------------------------------------------------------------------

    def text_delta(self, event: TextDelta) -> Iterator[Chunk]:
        yield from self._delta("text", event.block_id, event.delta)

    def reasoning_delta(self, event: ReasoningDelta) -> Iterator[Chunk]:
        yield from self._delta("reasoning", event.block_id, event.delta)

    def block_ended(self, event: TextEnded | ReasoningEnded) -> Iterator[Chunk]:
        yield from self._end_block(self._wire_ids.get(event.block_id, event.block_id))

    def _delta(self, kind: str, block_id: str, delta: str) -> Iterator[Chunk]:
        if not delta:
            return
        wire_id = self._wire_ids.get(block_id, block_id)
        if wire_id not in self._open:
            # Not before there is something to show: an empty block leaves no part behind.
            self._open[wire_id] = kind
            yield {"type": f"{kind}-start", "id": wire_id}
        yield {"type": f"{kind}-delta", "id": wire_id, "delta": delta}

    def _end_block(self, wire_id: str) -> Iterator[Chunk]:
        kind = self._open.pop(wire_id, None)
        if kind:
            yield {"type": f"{kind}-end", "id": wire_id}

    def _close_blocks(self) -> Iterator[Chunk]:
        for wire_id in list(self._open):
            yield from self._end_block(wire_id)

    # --- tool calls ----------------------------------------------------------------------------

    def call_started(self, event: ToolCallStarted) -> Iterator[Chunk]:
        self._step_has_calls = True
        yield from self._calls.started(event)

    def call_delta(self, event: ToolCallDelta) -> Iterator[Chunk]:
        yield from self._calls.delta(event)

    def call_ready(self, event: ToolCallReady) -> Iterator[Chunk]:
        self._step_has_calls = True
        yield from self._calls.ready(event)

    def call_progress(self, event: ToolCallProgress) -> Iterator[Chunk]:
        yield from self._calls.progress(event)

    def call_output(self, event: ToolCallOutput) -> Iterator[Chunk]:
        yield from self._calls.output(event)

    def call_finished(self, event: ToolCallFinished) -> Iterator[Chunk]:
        yield from self._calls.finished(event)

    def artifact(self, event: ArtifactUpdated) -> Iterator[Chunk]:
        yield self._artifacts.update(event)

    # --- a step that is done again ---------------------------------------------------------------

    def _retrace(self, redo: Redo, seq: int, event: AnyEvent) -> Iterator[Chunk]:
        """While the new attempt says what was shown before, nothing is sent."""
        if isinstance(event, StepReset):
            redo.restart()
        elif isinstance(event, MODEL_OUTPUT):
            place = redo.take(event)
            if place == "even":
                yield from self._rejoin(redo)
            elif place == "apart":
                yield from self._part_ways(redo)
        elif isinstance(event, StepStarted):
            self._step_seq = seq
        else:
            if isinstance(event, ToolCallFinished | StepFinished | RunSuspended):
                yield from self._part_ways(redo)
            self._redo = None if isinstance(event, RunFinished) else self._redo
            yield from self._handled(event)

    def _rejoin(self, redo: Redo) -> Iterator[Chunk]:
        """All that was shown has been said again: the parts on the wire go on from here."""
        self._redo = None
        pairs = list(zip(redo.shown.all, redo.said.all, strict=True))
        self._wire_ids = {
            new.key: self._wire_ids.get(old.key, old.key)
            for old, new in pairs
            if new.kind != "call"
        }
        self._pieces = redo.said
        old, new = pairs[-1]
        yield from self._remainder(old, new, redo.held[-1])

    def _remainder(self, old: Piece, new: Piece, last: AnyEvent) -> Iterator[Chunk]:
        rest = new.text[len(old.text) :]
        if isinstance(last, ToolCallReady):
            yield from [] if old.ended else self._calls.ready(last)
        elif new.kind == "call":
            yield from [input_delta(new.key, rest)] if rest else []
        elif new.kind in {"text", "reasoning"}:
            yield from self._delta(new.kind, new.key, rest)
            if new.ended:
                yield from self._end_block(self._wire_ids[new.key])

    def _part_ways(self, redo: Redo) -> Iterator[Chunk]:
        """The attempts differ: what was shown ends here, the new one goes on in another step."""
        self._redo = None
        yield from self._close_blocks()
        yield from self._calls.give_up(RETRIED)
        yield from self._finish_step()
        yield from self._start_step()
        self._pieces, self._wire_ids = Pieces(), {}
        for event in redo.held:
            yield from self._translate(self._step_seq, event)


_HANDLERS: dict[type, Callable[[MessageEncoder, Any], Iterator[Chunk]]] = {
    RunStarted: MessageEncoder.run_started,
    RunFinished: MessageEncoder.run_finished,
    StepStarted: MessageEncoder.step_started,
    StepFinished: MessageEncoder.step_finished,
    StepReset: MessageEncoder.step_reset,
    InferenceCompleted: MessageEncoder.inference_completed,
    TextDelta: MessageEncoder.text_delta,
    TextEnded: MessageEncoder.block_ended,
    ReasoningDelta: MessageEncoder.reasoning_delta,
    ReasoningEnded: MessageEncoder.block_ended,
    ToolCallStarted: MessageEncoder.call_started,
    ToolCallDelta: MessageEncoder.call_delta,
    ToolCallReady: MessageEncoder.call_ready,
    ToolCallProgress: MessageEncoder.call_progress,
    ToolCallOutput: MessageEncoder.call_output,
    ToolCallFinished: MessageEncoder.call_finished,
    ArtifactUpdated: MessageEncoder.artifact,
}
