"""The event routes: native events with their place in the log of a run or a thread."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from runs.api.native import NativeEncoder
from runs.api.payloads import Payload
from runs.events import cursor, log
from runs.events.types import Record
from runs.models import Run

READ_RECORDS = 500

Entry = dict[str, Any]
Mark = Callable[[int, int], str]


@dataclass(frozen=True)
class EventPage:
    items: list[Entry]
    next_cursor: str | None


class Reader:
    """Makes entries of the records of one run. ``mark(turn, seq)`` writes a position down."""

    def __init__(self, run: Run, *, mark: Mark, after_seq: int = 0) -> None:
        self.turn = run.turn or 0
        self.run_id, self.thread_id = run.pk, run.thread_id
        self._encoder = NativeEncoder(run.pk, after_seq=after_seq)
        self._mark = mark
        self._before = after_seq

    def entries(self, record: Record) -> list[Entry]:
        """Of several entries only the last has the record's own position: reading on from an
        earlier one repeats the others rather than lose them."""
        payloads = self._encoder.encode(record)
        if not payloads:
            return []
        before, own = self._mark(self.turn, self._before), self._mark(self.turn, record.seq)
        self._before = record.seq
        *others, last = payloads
        made = [self._entry(record, payload, before) for payload in others]
        return [*made, self._entry(record, last, own)]

    def _entry(self, record: Record, payload: Payload, position: str) -> Entry:
        return {
            "cursor": position,
            "seq": record.seq,
            "run_id": self.run_id,
            "thread_id": self.thread_id,
            "event_type": payload["event_type"],
            "payload": payload,
            "created_at": record.at,
        }


def run_mark(run_id: str) -> Mark:
    return lambda turn, seq: cursor.encode_run(run_id, seq)


def thread_mark(thread_id: str) -> Mark:
    return lambda turn, seq: cursor.encode_thread(thread_id, turn, seq)


def page_of_run(run: Run, *, after_seq: int, limit: int) -> EventPage:
    """Committed events; those of the step under way are only in the stream."""
    reader = Reader(run, mark=run_mark(run.pk), after_seq=after_seq)
    return _page(_grouped(reader), limit)


def page_of_thread(thread_id: str, *, position: tuple[int, int], limit: int) -> EventPage:
    """Run after run, in the order in which they began."""
    turn, seq = position
    rows = Run.objects.filter(thread_id=thread_id, turn__gte=turn, last_seq__gt=0)
    # Each run has an entry at least, but of the first all may have been read.
    runs = rows.only("pk", "thread_id", "turn", "last_seq").order_by("turn")[: limit + 2]
    mark = thread_mark(thread_id)
    return _page(_of_runs(runs, turn, seq, mark), limit)


def _of_runs(runs: Iterable[Run], turn: int, seq: int, mark: Mark) -> Iterator[list[Entry]]:
    for run in runs:
        after_seq = seq if run.turn == turn else 0
        if after_seq < run.last_seq:
            yield from _grouped(Reader(run, mark=mark, after_seq=after_seq))


def _grouped(reader: Reader) -> Iterator[list[Entry]]:
    for record in _records(reader.run_id):
        entries = reader.entries(record)
        if entries:
            yield entries


def _records(run_id: str) -> Iterator[Record]:
    seq = 0
    while records := log.read(run_id, seq, READ_RECORDS):
        yield from records
        seq = records[-1].seq


def _page(groups: Iterator[list[Entry]], limit: int) -> EventPage:
    """Whole records: one that became several entries is not torn apart, so that a page of the
    smallest limits may be longer."""
    items: list[Entry] = []
    for entries in groups:
        if items and len(items) + len(entries) > limit:
            return EventPage(items, items[-1]["cursor"])
        items += entries
    return EventPage(items, None)
