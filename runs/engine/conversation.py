"""The conversation as the model reads it: stored messages in reading order, repaired."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from agentserver.core.prepared import Select, arg
from runs.mailbox.ledger import PLACEHOLDER
from runs.models import Run
from threads.content import text_of
from threads.models import Message

SUMMARY = "compaction"


@dataclass(frozen=True)
class Entry:
    """One message, detached from its row. `content` and `tool_calls` are as in the native API."""

    message_id: str
    role: str
    content: list[dict[str, Any]]
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tool_call_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    internal: bool = False
    turn: int = 0
    step: int | None = None

    @property
    def text(self) -> str:
        return text_of(self.content)

    @property
    def is_placeholder(self) -> bool:
        return bool(self.metadata.get(PLACEHOLDER))


def load(run: Run) -> list[Entry]:
    """What ``run`` may read: everything up to its own turn, from the newest summary on."""
    summary = _newest_summary(run) if run.thread.has_summary else None
    if summary is None:
        return [_entry(row) for row in _READABLE.run(thread_id=run.thread_id, turn=run.turn or 0)]
    rows = Message.objects.filter(thread_id=run.thread_id).until_turn(run.turn or 0)
    uncovered = rows.filter(_after(summary.metadata[SUMMARY])).exclude(pk=summary.pk)
    return [_entry(row) for row in (summary, *uncovered)]


_READABLE = Select(
    lambda: Message.objects.filter(thread_id=arg("thread_id")).until_turn(arg("turn"))
)


def _after(covered: dict[str, int | None]) -> Q:
    """Messages that a summary of everything up to (turn, step) does not tell about."""
    turn, step = covered["through_turn"], covered["through_step"]
    # A run's input has no step: its steps come after it.
    later = Q(step_index__isnull=False) if step is None else Q(step_index__gt=step)
    return Q(turn__gt=turn) | (Q(turn=turn) & later)


def _newest_summary(run: Run) -> Message | None:
    internal = Message.objects.filter(
        thread_id=run.thread_id, visibility="internal", role="system", turn__lte=run.turn or 0
    )
    newest = internal.order_by("-seq")[:20]
    return next((row for row in newest if SUMMARY in row.metadata), None)


def _entry(row: Message) -> Entry:
    return Entry(
        message_id=row.message_id,
        role=row.role,
        content=row.content,
        tool_calls=row.tool_calls,
        tool_call_id=row.tool_call_id,
        metadata=row.metadata,
        internal=row.visibility == "internal",
        turn=row.turn or 0,
        step=row.step_index,
    )


def repaired(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Drops what a provider would refuse: calls without a result and results without a call.

    A placeholder is no result: calls left open by an earlier run are superseded, not answered.
    """
    rows = list(entries)
    answered = {row.tool_call_id for row in rows if row.role == "tool" and not row.is_placeholder}
    called: set[str] = set()
    for row in rows:
        if row.role == "tool":
            if row.tool_call_id in called and not row.is_placeholder:
                yield row
            continue
        calls = [call for call in row.tool_calls if call["id"] in answered]
        called |= {call["id"] for call in calls}
        if row.role != "assistant" or calls or row.content:
            yield row if calls == row.tool_calls else _with_calls(row, calls)


def _with_calls(row: Entry, calls: list[dict[str, Any]]) -> Entry:
    return Entry(
        message_id=row.message_id,
        role=row.role,
        content=row.content,
        tool_calls=calls,
        metadata=row.metadata,
        internal=row.internal,
        turn=row.turn,
        step=row.step,
    )
