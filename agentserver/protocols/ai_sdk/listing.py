"""The messages of a thread as UI messages: what a client would hold that had watched everything.

A user or system message is one of the thread's own. What a run said, in however many steps, tool
calls and resumptions, is one message, made from the run's log by the encoder of the streams. The
message that is still being written is left out: the stream to resume brings it whole, and a client
that had it already would show it twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentserver.access.principal import Principal
from agentserver.core.api.paging import CursorQuery, Listing, Page
from agentserver.protocols.ai_sdk.assemble import message_of
from agentserver.protocols.ai_sdk.stored import own_message, spoken_message
from runs.events import segments
from runs.models import Run
from runs.selectors import run_under_way
from threads.api.wire import MessageListQuery
from threads.models import Message, Thread

LISTINGS = {
    "asc": Listing("message", "msg_", ("turn", "half", "seq")),
    "desc": Listing("message", "msg_", ("-turn", "-half", "-seq")),
}
# Messages of a run that has not begun come after all others.
_NOT_BEGUN = 2**62
_ASKED, _SPOKEN = 0, 1

UIMessage = dict[str, Any]
Row = dict[str, Any]


def page_of_ui_messages(
    *, principal: Principal, thread: Thread, query: MessageListQuery
) -> Page[UIMessage]:
    """Counts UI messages. In reading order: of each run what it was asked, then its answer."""
    rows = _rows(thread, query)
    # After the rows and before the logs: a run that ends in between is shown, and shown whole.
    active = run_under_way(principal=principal, thread_id=thread.pk)
    hidden = active.pk if active else ""
    entries = sorted(_entries(thread, query, rows, hidden=hidden), key=_place)
    bound = [thread.pk, query.audience, query.after, query.before, query.run_id, query.order]
    if query.order == "desc":
        entries.reverse()
    page = _paged(entries, query, bound)
    messages = _rendered(page.rows)
    return Page(messages, page.offset, page.limit, page.total, page.next_cursor)


def _paged(entries: list["Entry"], query: CursorQuery, bound: list[Any]) -> Page["Entry"]:
    rows = [entry.position | {"entry": entry} for entry in entries]
    order = str(bound[-1])
    page = LISTINGS[order].page_of(rows, query, filters={"ui-messages": bound})
    found = [row["entry"] for row in page.rows]
    return Page(found, page.offset, page.limit, page.total, page.next_cursor)


@dataclass(frozen=True)
class Entry:
    """One UI message before it is made: a stored message, or all that a run said.

    `seq` is the number of its first stored message, 0 when none was stored.
    """

    turn: int
    half: int
    seq: int
    message_pk: int = 0
    run_id: str = ""

    @property
    def position(self) -> Row:
        return {"turn": self.turn, "half": self.half, "seq": self.seq}


def _place(entry: Entry) -> tuple[int, int, int]:
    return entry.turn, entry.half, entry.seq


# --- which messages there are --------------------------------------------------------------------
def _entries(
    thread: Thread, query: MessageListQuery, rows: Sequence[Row], *, hidden: str
) -> Iterator[Entry]:
    spoken: set[str] = set()
    for row in rows:
        if not _is_spoken(row):
            if row["role"] != "tool":
                yield _own_entry(row)
        elif row["run_id"] not in spoken | {hidden}:
            spoken.add(row["run_id"])
            yield _spoken_entry(row)
    if query.audience != "internal" and query.after is None and query.before is None:
        yield from _half_answers(thread, run_id=query.run_id, known=spoken | {hidden})


def _rows(thread: Thread, query: MessageListQuery) -> list[Row]:
    rows = query.wanted.apply(Message.objects.filter(thread=thread)).order_by("seq")
    found: Iterable[Any] = rows.values("pk", "seq", "turn", "role", "run_id", "step_index")
    return list(found)


def _is_spoken(row: Row) -> bool:
    """Whether a run said it; an assistant message that was sent in belongs to no step."""
    said = row["role"] in {"assistant", "tool"}
    return bool(said and row["run_id"] and row["step_index"] is not None)


def _own_entry(row: Row) -> Entry:
    return Entry(_turn(row), _ASKED, row["seq"], message_pk=row["pk"])


def _spoken_entry(row: Row) -> Entry:
    return Entry(_turn(row), _SPOKEN, row["seq"], run_id=row["run_id"])


def _turn(row: Row) -> int:
    return _NOT_BEGUN if row["turn"] is None else int(row["turn"])


def _half_answers(thread: Thread, *, run_id: str, known: set[str]) -> list[Entry]:
    """Runs that were stopped or failed before any message of theirs was complete.

    Their half answer is in the log, and in the client that watched. It is shown while what it
    answers is still there and was not answered once more.
    """
    runs = [run for run in _standing(thread) if run["pk"] not in known]
    runs = [run for run in runs if run_id in {"", run["pk"]}]
    done = [run for run in runs if run["status"] == Run.Status.DONE]
    logs = segments.read_many([run["pk"] for run in done])
    return [
        Entry(run["turn"], _SPOKEN, 0, run_id=run["pk"])
        for run in done
        if message_of(run["pk"], logs.get(run["pk"], []))
    ]


def _standing(thread: Thread) -> list[Row]:
    """Of the runs that answered the same message, the last; none where the message is gone."""
    inputs = Message.objects.filter(thread=thread, role__in=["user", "system"]).order_by("seq")
    asked: dict[int, int] = {}
    message = 0
    for seq, visibility in inputs.values_list("seq", "visibility"):
        # What only the model was told belongs to the message before it.
        message = message if visibility == Message.Visibility.INTERNAL else seq
        asked[seq] = message
    latest: dict[int, Row] = {}
    runs = Run.objects.filter(thread=thread, turn__isnull=False).order_by("turn")
    found: Iterable[Any] = runs.values("pk", "turn", "status", "input_to_seq")
    for run in found:
        if run["input_to_seq"] in asked:
            latest[asked[run["input_to_seq"]]] = run
    return list(latest.values())


# --- making them ---------------------------------------------------------------------------------
def _rendered(entries: Iterable[Entry]) -> list[UIMessage]:
    chosen = list(entries)
    logs = segments.read_many([entry.run_id for entry in chosen if entry.run_id])
    own = Message.objects.in_bulk([entry.message_pk for entry in chosen if entry.message_pk])
    unlogged = [entry.run_id for entry in chosen if entry.run_id and entry.run_id not in logs]
    stored = _spoken_rows(unlogged)
    messages = (
        own_message(own[entry.message_pk])
        if entry.message_pk
        else message_of(entry.run_id, logs[entry.run_id])
        if entry.run_id in logs
        else spoken_message(entry.run_id, stored[entry.run_id])
        for entry in chosen
    )
    return [message for message in messages if message]


def _spoken_rows(run_ids: Sequence[str]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    rows = Message.objects.filter(run_id__in=run_ids, role__in=["assistant", "tool"])
    for row in rows.exclude(step_index=None).order_by("seq"):
        found[row.run_id].append(row)
    return found
