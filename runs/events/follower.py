"""One reader's way through a run's log: stored records, then the live buffer, then live batches."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from agentserver.core.database import DATABASE_DOWN, in_database
from agentserver.core.errors import Unavailable
from runs.events.live import LiveBatch, Subscription, channel
from runs.events.segments import read
from runs.events.types import Record, RunFinished, RunStarted, RunSuspended, StepReset
from runs.models import Run

logger = logging.getLogger(__name__)

Batch = list[Record]
Batches = AsyncGenerator[Batch, None]

HEARTBEAT_SECONDS = 15.0
DISCONNECTED_SECONDS = 2.0
GAP_SECONDS = 0.5
PAGE = 500
_CLOCK_SLACK = 0.001


@dataclass(frozen=True)
class Page:
    """Committed records after a position; `over` when the run is done or gone and this is all."""

    records: list[Record]
    full: bool
    over: bool


class Follower:
    """Position and state of one reader; `held` while it waits behind a gap.

    A gap before a record is accepted only when it is known to be empty: the committed log reaches
    over it, or the record opens a new attempt, which starts above every number the old one used,
    and the log was read after that record had been seen (what the old attempt committed is in it).
    Otherwise the missing records are on their way to the log, and the stream waits for them.
    """

    def __init__(self, run_id: str, after_seq: int, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self.run_id = run_id
        self.seq = after_seq
        self.ended = False
        self.suspended = False
        self.held = False
        self._heartbeat = heartbeat
        self._spoke_at = time.monotonic()
        self._gap_before = 0
        self._blind = False
        self._unread = False

    async def catch_up_fresh(self) -> Batches:
        if found := list(self._admit(await self._buffered())):
            yield found
        if self.held:
            async with aclosing(self.read_on()) as batches:
                async for batch in batches:
                    yield batch

    async def read_on(self) -> Batches:
        """`catch_up` of a stream that has begun: it waits while the database is away."""
        try:
            async with aclosing(self.catch_up()) as batches:
                async for batch in batches:
                    yield batch
            self._unread = False
        except DATABASE_DOWN as error:
            self.held = True
            if not self._unread:
                logger.warning("run %s is followed without its log: %s", self.run_id, error)
            self._unread = True

    async def catch_up(self) -> Batches:
        """Read the log to its end, then the live buffer. Twice when the buffer shows a gap: the
        step may have been committed, and the buffer trimmed, between the two reads."""
        for _ in range(2):
            self.held = False
            page = None
            while not self.ended and (page is None or page.full):
                page = await in_database(read_page, self.run_id, self.seq)
                if found := list(self._take(page.records)):
                    yield found
                if page.over:
                    self.ended = True
            if self.ended:
                return
            if found := list(self._admit(await self._buffered())):
                yield found
            if not self.held:
                return

    async def next_round(self, subscription: Subscription) -> AsyncGenerator[Batch | None, None]:
        """Whatever is new, or None when it is time for a heartbeat, or nothing."""
        arrived = await subscription.get(self._patience(subscription))
        if arrived is not None and not self.held and not _any_lost(arrived):
            if found := list(self._admit(_records(arrived))):
                yield found
            if not self.held:
                return
        elif arrived is not None and self.held:
            # Whatever arrives behind a gap is read again once the gap is closed.
            await asyncio.sleep(GAP_SECONDS)
        async with aclosing(self.read_on()) as batches:
            async for batch in batches:
                yield batch
        if not self.ended and self._silence() >= self._heartbeat - _CLOCK_SLACK:
            self._spoke_at = time.monotonic()
            yield None

    def _patience(self, subscription: Subscription) -> float:
        """Seconds to wait for the live channel before the log is looked at."""
        wait = self._heartbeat - self._silence()
        if self.held:
            wait = min(wait, GAP_SECONDS)
        if self._blind or not subscription.connected:
            wait = min(wait, DISCONNECTED_SECONDS)
        return max(wait, 0.0)

    def _silence(self) -> float:
        return time.monotonic() - self._spoke_at

    async def _buffered(self) -> list[Record]:
        try:
            records = await channel().buffered(self.run_id, self.seq)
        except Unavailable as error:
            self._blind = True
            logger.warning("run %s is followed without the live buffer: %s", self.run_id, error)
            return []
        self._blind = False
        return records

    def _admit(self, records: Iterable[Record]) -> Iterator[Record]:
        """New records of the live channel, up to the first that does not connect."""
        for record in records:
            if record.seq <= self.seq:
                continue
            if record.seq != self.seq + 1 and not self._jumps_rightly(record):
                self.held, self._gap_before = True, record.seq
                return
            yield from self._take([record])
            if self.ended:
                return

    def _jumps_rightly(self, record: Record) -> bool:
        opens_attempt = isinstance(record.event, RunStarted | StepReset)
        return opens_attempt and record.seq <= self._gap_before

    def _take(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self.seq = record.seq
            self.suspended = isinstance(record.event, RunSuspended)
            self.ended = isinstance(record.event, RunFinished)
            self._spoke_at = time.monotonic()
            yield record
            if self.ended:
                return


def _any_lost(batches: Iterable[LiveBatch]) -> bool:
    return any(batch.lost for batch in batches)


def _records(batches: Iterable[LiveBatch]) -> Iterator[Record]:
    for batch in batches:
        yield from batch.records


def read_page(run_id: str, after_seq: int) -> Page:
    # The row first: when it says done, its last segment was committed with it or before.
    status = Run.objects.filter(pk=run_id).values_list("status", flat=True).first()
    records = read(run_id, after_seq, PAGE)
    full = len(records) == PAGE
    return Page(records, full, over=not full and status in {None, Run.Status.DONE})
