"""What everyone needs who folds the events of a run into a state of their own."""

from collections.abc import Iterable

from agentserver.core import exact_json
from runs.events.types import Record, StepReset, ToolCallFinished


def surviving(records: Iterable[Record]) -> list[Record]:
    """Without what a `StepReset` voided; the reset itself stays, as a sign that the run runs."""
    kept: list[Record] = []
    for record in records:
        if isinstance(record.event, StepReset):
            while kept and kept[-1].seq > record.event.after_seq:
                kept.pop()
        kept.append(record)
    return kept


def tool_text(event: ToolCallFinished) -> str:
    """What the model reads: the tool's message, else its error, else the JSON text of its data."""
    if event.message is not None:
        return event.message
    return event.error if event.error is not None else exact_json.dumps(event.data)
