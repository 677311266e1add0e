"""The events of a run for its page: what is committed, and what its worker is just producing."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from asgiref.sync import async_to_sync

from runs.events import log
from runs.models import Run, RunEvents

# A page shows the beginning of a longer run; its event stream has all of it.
MOST_EVENTS = 20_000
MOST_LIVE_EVENTS = 2_000

Event = dict[str, Any]


def events_of(run: Run) -> list[Event]:
    """Stored records, ascending by seq, without what a `step_reset` voided."""
    found = list(islice(_committed(run.pk), MOST_EVENTS))
    if run.status != Run.Status.DONE:
        last = found[-1]["seq"] if found else 0
        live = async_to_sync(log.so_far)(run.pk, last, MOST_LIVE_EVENTS)
        found += [record.dump() for record in live]
    return _surviving(found)


def _committed(run_id: str) -> Iterator[Event]:
    rows = RunEvents.objects.filter(run_id=run_id).order_by("first_seq")
    for segment in rows.values_list("events", flat=True).iterator(chunk_size=8):
        stored: Any = segment
        yield from stored


def _surviving(events: list[Event]) -> list[Event]:
    kept: list[Event] = []
    for event in events:
        if event["type"] == "step_reset":
            while kept and kept[-1]["seq"] > event["after_seq"]:
                kept.pop()
        kept.append(event)
    return kept
