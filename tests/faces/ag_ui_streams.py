"""Recorded runs as AG-UI streams, one per request of the client, without database or network."""

from collections.abc import Sequence
from typing import Any

from agentserver.protocols.ag_ui.encode import AgUiEncoder
from agentserver.protocols.ag_ui.frames import Echo, History, Stored
from agentserver.protocols.ag_ui.listing import frames_of
from runs.events.types import Record, RunFinished, RunSuspended
from tests.events.folding import fold
from threads.models import Message

Frame = dict[str, Any]
IDS = {"threadId": "thread", "runId": "run"}


def rows_of(records: Sequence[Record]) -> list[Message]:
    """The messages that the engine has stored when it has written these records."""
    _, messages = fold(records)
    waiting = _waiting(records)
    return [_row(each, waiting) for each in messages]


def _row(message: Frame, waiting: set[str]) -> Message:
    is_placeholder = message.get("tool_call_id") in waiting
    return Message(
        message_id=message["id"],
        role=message["role"],
        content=message["content"],
        tool_calls=message.get("tool_calls") or [],
        tool_call_id=message.get("tool_call_id") or "",
        metadata={"placeholder": True} if is_placeholder else {},
        run_id="run",
        step_index=message["step_index"],
    )


def _waiting(records: Sequence[Record]) -> set[str]:
    outcomes = {
        record.event.call_id: record.event.outcome
        for record in records
        if record.event.type == "tool_call_finished"
    }
    return {call_id for call_id, outcome in outcomes.items() if outcome == "suspended"}


def listed(records: Sequence[Record]) -> list[Frame]:
    return [frame for row in rows_of(records) for frame in frames_of(row)]


def history_at(records: Sequence[Record]) -> History:
    rows = rows_of(records)
    return History(
        [Stored(frame, row.message_id, True) for row in rows for frame in frames_of(row)]
    )


def stream(
    records: Sequence[Record],
    *,
    modern: bool = True,
    after_seq: int = 0,
    held: frozenset[str] = frozenset(),
) -> list[Frame]:
    """The events of one request; ends where the encoder ends it."""
    encoder = AgUiEncoder(
        Echo("thread", "run", modern=modern), after_seq=after_seq, held_results=held
    )
    frames = encoder.begin()
    for place, record in enumerate(records):
        wants = encoder.wants_history(record)
        history = history_at(records[: place + 1]) if wants else None
        frames += encoder.encode(record, history)
        if encoder.done:
            break
    return frames


def streams(records: Sequence[Record], *, modern: bool = True) -> list[list[Frame]]:
    """The events of all requests that a run with interrupts takes."""
    rests = [
        record.seq for record in records if isinstance(record.event, RunSuspended | RunFinished)
    ]
    starts = [0, *rests[:-1]]
    return [stream(records, modern=modern, after_seq=start) for start in starts]
