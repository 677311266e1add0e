"""The A2A stream: run events in, StreamResponse objects out (A2A 1.0, sections 3.2.3 and 7).

Pure, synchronous, one instance per reader. Artifacts go out before the status that ends the task.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from agentserver_a2a.parts import parts_of, text_of
from agentserver_a2a.published import Published
from agentserver_a2a.questions import Question, agent_message, question_parts
from agentserver_a2a.response import RESPONSE, Response
from agentserver_a2a.states import (
    COMPLETED,
    SUBMITTED,
    WORKING,
    failure_text,
    final_state,
    interrupted_state,
    status,
    timestamp_of_ms,
)
from runs.events.types import (
    ArtifactUpdated,
    DataProduced,
    FileProduced,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepReset,
    TextDelta,
    TextStarted,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
)
from threads.content import file_block

Json = dict[str, Any]
Handler = Callable[[Any, Record, Any], list[Json]]

DIRECT_MESSAGE: Final = "a2a.message"
"""Name of the application data by which a run says that its answer is a message, not a task."""


class Encoder:
    """Translates the records of one run, given in order from its first.

    ``whole``: every artifact goes out once, complete, instead of in chunks. After `done` nothing
    more may be sent.
    """

    def __init__(self, task_id: str, context_id: str, *, whole: bool = False) -> None:
        self.done = False
        self._ids = {"taskId": task_id, "contextId": context_id}
        self._response = Response(whole=whole)
        self._published = Published(whole=whole)
        self._status: Json = {"state": SUBMITTED}
        self._text_message = ""
        # The calls behind tickets: (call id, tool name).
        self._calls: dict[str, tuple[str, str]] = {}

    def encode(self, record: Record) -> list[Json]:
        """What a reader is told of the record: nothing for most of them."""
        event = record.event
        if type(event) is TextDelta:
            return self._text(record.seq, event.delta)
        handler = _HANDLERS.get(type(event))
        return [] if handler is None else handler(self, record, event)

    # --- what there is so far -----------------------------------------------------------------
    def status(self) -> Json:
        """The TaskStatus after the last record; before the first one it has no timestamp."""
        return self._status

    def artifacts(self) -> list[Json]:
        """Published ones in their order, then the answer; the chunk held back is part of it."""
        parts = self._response.parts()
        answer = {"artifactId": RESPONSE, "name": RESPONSE, "parts": parts}
        return [*self._published.artifacts(), *([answer] if parts else [])]

    def answer(self) -> tuple[str | None, list[Json]]:
        """The id and the parts of the message that the answer is taken from."""
        return self._response.message_id, self._response.parts()

    def shown(self, status: Json) -> None:
        """A reader was given the task with `artifacts` and ``status``: what follows continues
        there."""
        self._status = status
        self._response.shown()
        self._published.shown()

    # --- artifacts ----------------------------------------------------------------------------
    def _text(self, seq: int, delta: str) -> list[Json]:
        if not delta:
            return []
        chunks = self._response.add(seq, self._text_message, {"text": delta})
        return self._updates(chunks) if chunks else chunks

    def _text_started(self, record: Record, event: TextStarted) -> list[Json]:
        self._text_message = event.message_id
        return []

    def _file(self, record: Record, event: FileProduced) -> list[Json]:
        block = file_block(event.media_type, data=event.data, url=event.url, name=event.name)
        (part,) = parts_of([block])
        return self._updates(self._response.add(record.seq, event.message_id, part))

    def _artifact(self, record: Record, event: ArtifactUpdated) -> list[Json]:
        return self._updates(self._published.update(record, event))

    def _call_started(self, record: Record, event: ToolCallStarted) -> list[Json]:
        return self._updates(self._response.flush())

    def _reset(self, record: Record, event: StepReset) -> list[Json]:
        self._response.reset(event.after_seq)
        self._published.reset(event.after_seq)
        return self._working(record)

    def _updates(self, chunks: Sequence[Json]) -> list[Json]:
        return [{"artifactUpdate": {**self._ids, **chunk}} for chunk in chunks]

    # --- status -------------------------------------------------------------------------------
    def _started(self, record: Record, event: RunStarted) -> list[Json]:
        return self._working(record)

    def _working(self, record: Record) -> list[Json]:
        return [] if self._status["state"] == WORKING else self._become(record, WORKING)

    def _progress(self, record: Record, event: ToolCallProgress) -> list[Json]:
        if not event.message:
            return []
        message = self._said(f"{event.call_id}:{record.seq}", [{"text": event.message}])
        return self._become(record, WORKING, message)

    def _call_finished(self, record: Record, event: ToolCallFinished) -> list[Json]:
        if event.suspension:
            self._calls[event.suspension.ticket_id] = (event.call_id, event.name)
        return []

    def _suspended(self, record: Record, event: RunSuspended) -> list[Json]:
        questions = [
            Question(
                *self._calls.get(ticket.ticket_id, (ticket.pending_id, ticket.pending_name)),
                ticket=ticket.model_dump(exclude_none=True),
            )
            for ticket in event.tickets
        ]
        held = self._updates(self._response.flush())
        state = interrupted_state(ticket.kind for ticket in event.tickets)
        message = asking_message(self._ids, self._response.parts(), questions)
        return [*held, *self._become(record, state, message)]

    def _finished(self, record: Record, event: RunFinished) -> list[Json]:
        self.done = True
        last = [*self._published.finish(), *self._response.finish()]
        state = final_state(event.termination.type)
        message = closing_message(
            self._ids,
            self.answer(),
            failure_text(state, event.termination.detail),
        )
        return [*self._updates(last), *self._become(record, state, message)]

    def _become(self, record: Record, state: str, message: Json | None = None) -> list[Json]:
        self._status = status(state, moment=timestamp_of_ms(record.at), message=message)
        return [{"statusUpdate": {**self._ids, "status": self._status}}]

    def _said(self, message_id: str, parts: Sequence[Json]) -> Json:
        return said(self._ids, message_id, parts)


def said(ids: Json, message_id: str, parts: Sequence[Json]) -> Json:
    """A message of the agent in the task; ``ids`` are taskId and contextId."""
    return agent_message(
        message_id=message_id, context_id=ids["contextId"], task_id=ids["taskId"], parts=parts
    )


def asking_message(ids: Json, answer: Sequence[Json], questions: Sequence[Question]) -> Json | None:
    """The message of an interrupted task: what the agent said last, then what it waits for. It has
    the id of the first ticket."""
    parts = [*_texts(answer), *question_parts(questions)]
    return said(ids, str(questions[0].ticket["ticket_id"]), parts) if questions else None


def closing_message(
    ids: Json, answer: tuple[str | None, Sequence[Json]], failure: str | None
) -> Json | None:
    """The message of a finished task: why it failed, else its last words under their own id."""
    if failure is not None:
        return said(ids, f"{ids['taskId']}:status", [{"text": failure}])
    message_id, parts = answer
    texts = _texts(parts)
    return said(ids, message_id, texts) if texts and message_id else None


def _texts(parts: Sequence[Json]) -> list[Json]:
    text = text_of(parts)
    return [{"text": text}] if text else []


def means_message(event: Any) -> bool:
    """Whether the run says that it answers with a message instead of a task."""
    return isinstance(event, DataProduced) and event.name == DIRECT_MESSAGE


def direct_message(context_id: str, encoder: Encoder) -> Json | None:
    """The whole answer as one that belongs to no task; None without one, and for a task that did
    not complete: only the task says how it ended."""
    message_id, parts = encoder.answer()
    if encoder.status()["state"] != COMPLETED or not message_id:
        return None
    return {
        "messageId": message_id,
        "contextId": context_id,
        "role": "ROLE_AGENT",
        "parts": parts,
    }


_HANDLERS: dict[type, Handler] = {
    RunStarted: Encoder._started,
    StepReset: Encoder._reset,
    TextStarted: Encoder._text_started,
    FileProduced: Encoder._file,
    ArtifactUpdated: Encoder._artifact,
    ToolCallStarted: Encoder._call_started,
    ToolCallProgress: Encoder._progress,
    ToolCallFinished: Encoder._call_finished,
    RunSuspended: Encoder._suspended,
    RunFinished: Encoder._finished,
}
