"""The stored log of a run: segments of records in the database. Everything here is synchronous."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from agentserver.core.prepared import insert
from runs.events.artifacts import store_artifacts
from runs.events.types import Record
from runs.models import RunEvents

SEGMENT_RECORDS = 500
"""No row holds more: a page out of a long step must not parse the whole step."""
_ROWS_PER_QUERY = 8


def append_segment(run_id: str, records: Sequence[Record]) -> None:
    """Write records, ascending by seq, and their artifacts inside the caller's transaction."""
    starts = range(0, len(records), SEGMENT_RECORDS)
    rows = [_row(run_id, records[start : start + SEGMENT_RECORDS]) for start in starts]
    if rows:
        insert(*rows)
        store_artifacts(run_id, records)


def read(run_id: str, after_seq: int = 0, limit: int | None = None) -> list[Record]:
    """Committed records with a greater seq, ascending, at most `limit`."""
    return list(islice(_stored(run_id, after_seq), limit))


def read_many(run_ids: Collection[str]) -> dict[str, list[Record]]:
    """The whole logs of several runs in one query; a run without a log is absent."""
    rows = RunEvents.objects.filter(run_id__in=run_ids).order_by("run_id", "first_seq")
    found: dict[str, list[Record]] = {}
    segments: Iterable[tuple[str, Any]] = rows.values_list("run_id", "events")
    for run_id, events in segments:
        found.setdefault(run_id, []).extend(map(Record.load, events))
    return found


def last_seq(run_id: str) -> int:
    """The seq of the last committed record; 0 for an empty log."""
    rows = RunEvents.objects.filter(run_id=run_id).order_by("-last_seq")
    return rows.values_list("last_seq", flat=True).first() or 0


def first_record(run_id: str) -> Record | None:
    return next(_stored(run_id, 0), None)


def _row(run_id: str, records: Sequence[Record]) -> RunEvents:
    stored: Any = [record.dump() for record in records]
    first, last = records[0].seq, records[-1].seq
    return RunEvents(run_id=run_id, first_seq=first, last_seq=last, events=stored)


def _stored(run_id: str, after_seq: int) -> Iterator[Record]:
    while rows := _rows_after(run_id, after_seq):
        for last, events in rows:
            for stored in events:
                if stored["seq"] > after_seq:
                    yield Record.load(stored)
            after_seq = last
        if len(rows) < _ROWS_PER_QUERY:
            return


def _rows_after(run_id: str, after_seq: int) -> list[tuple[int, list[dict[str, Any]]]]:
    rows = RunEvents.objects.filter(run_id=run_id, last_seq__gt=after_seq).order_by("last_seq")
    # The column is text for Django's type stubs; its field makes it the list that was stored.
    found: Iterable[tuple[int, Any]] = rows.values_list("last_seq", "events")[:_ROWS_PER_QUERY]
    return list(found)
