"""The event log as one stream: replay from a position, then live, each event exactly once.

`follow` is what every protocol face, second viewer and late viewer uses; only its start differs.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from runs.events.live import LiveBatch, Subscription, channel, run_topic, thread_topic
from runs.events.segments import append_segment, last_seq, read
from runs.events.types import Record, RunFinished, RunStarted, RunSuspended, StepReset
from runs.models import Run
from threads.models import Thread

__all__ = ["append_segment", "follow", "follow_thread", "last_seq", "read", "thread_end"]

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
DISCONNECTED_SECONDS = 1.0
GAP_SECONDS = 0.5
PAGE = 500


@dataclass(frozen=True)
class _Page:
    """Committed records after a position; `over` when the run is done or gone and this is all."""

    records: list[Record]
    full: bool
    over: bool


async def follow(
    run_id: str,
    after_seq: int = 0,
    *,
    fresh: bool = False,
    stop_on_suspend: bool = False,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[Record | None, None]:
    """The events of a run with a seq greater than `after_seq`, until its `RunFinished`.

    Yields None after each `heartbeat` seconds of silence. Ends early when the run row is gone, and
    with `stop_on_suspend` after a `RunSuspended` that nothing is known to follow. `fresh` promises
    that the run was made just now: the database is not read at the start. Committed and live events
    agree on seq: a stream cut anywhere and continued from its last seq misses and repeats nothing.
    """
    async with channel().subscribe([run_topic(run_id)]) as subscription:
        follower = _Follower(run_id, after_seq, subscription, heartbeat)
        caught_up = follower.catch_up_fresh() if fresh else follower.catch_up()
        async with aclosing(caught_up):
            async for record in caught_up:
                yield record
        while not follower.ended and not (stop_on_suspend and follower.suspended):
            # One round: whatever is new, or a heartbeat.
            async with aclosing(follower.next_round()) as items:
                async for item in items:
                    yield item


class _Follower:
    """Position and state of one `follow`.

    A gap before a record is accepted only when it is known to be empty: the committed log reaches
    over it, or the record opens a new attempt, which starts above every number the old one used,
    and the log was read after that record had been seen (what the old attempt committed is in it).
    Otherwise the missing records are on their way to the log, and the stream waits for them.
    """

    def __init__(
        self, run_id: str, after_seq: int, subscription: Subscription, heartbeat: float
    ) -> None:
        self.run_id = run_id
        self.seq = after_seq
        self.ended = False
        self.suspended = False
        self.held = False
        self._subscription = subscription
        self._heartbeat = heartbeat
        self._spoke_at = time.monotonic()
        self._gap_before = 0

    async def catch_up_fresh(self) -> AsyncGenerator[Record, None]:
        for record in self._admit(await self._buffered()):
            yield record
        if self.held:
            async with aclosing(self.catch_up()) as records:
                async for record in records:
                    yield record

    async def catch_up(self) -> AsyncGenerator[Record, None]:
        """Read the log to its end, then the live buffer. Twice when the buffer shows a gap: the
        step may have been committed, and the buffer trimmed, between the two reads."""
        for _ in range(2):
            self.held = False
            page = None
            while not self.ended and (page is None or page.full):
                page = await in_database(_read_page, self.run_id, self.seq)
                for record in self._take(page.records):
                    yield record
                if page.over:
                    self.ended = True
            if self.ended:
                return
            for record in self._admit(await self._buffered()):
                yield record
            if not self.held:
                return

    async def next_round(self) -> AsyncGenerator[Record | None, None]:
        batches = await self._subscription.get(self._patience())
        if batches is not None and not self.held and not _any_lost(batches):
            for record in self._admit(_records(batches)):
                yield record
            if not self.held:
                return
        elif batches is not None and self.held:
            # Whatever arrives behind a gap is read again once the gap is closed.
            await asyncio.sleep(GAP_SECONDS)
        async with aclosing(self.catch_up()) as caught_up:
            async for record in caught_up:
                yield record
        if not self.ended and self._silence() >= self._heartbeat:
            self._spoke_at = time.monotonic()
            yield None

    def _patience(self) -> float:
        """Seconds to wait for the live channel before the log is looked at."""
        wait = self._heartbeat - self._silence()
        if self.held:
            wait = min(wait, GAP_SECONDS)
        if not self._subscription.connected:
            wait = min(wait, DISCONNECTED_SECONDS)
        return max(wait, 0.0)

    def _silence(self) -> float:
        return time.monotonic() - self._spoke_at

    async def _buffered(self) -> list[Record]:
        return await channel().buffered(self.run_id, self.seq)

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


def _read_page(run_id: str, after_seq: int) -> _Page:
    # The row first: when it says done, its last segment was committed with it or before.
    status = Run.objects.filter(pk=run_id).values_list("status", flat=True).first()
    records = read(run_id, after_seq, PAGE)
    full = len(records) == PAGE
    return _Page(records, full, over=not full and status in {None, Run.Status.DONE})


async def follow_thread(
    thread_id: str, position: tuple[int, int] = (0, 0), *, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[tuple[str, int, Record] | None, None]:
    """``(run id, turn, record)`` of all runs of a thread, one run after the other by turn.

    `position` is (turn, seq) of the last event that was seen. Stays open between runs, with None
    after each `heartbeat` seconds of silence, and ends when the thread is gone.
    """
    turn, seq = position
    async with channel().subscribe([thread_topic(thread_id)]) as subscription:
        while (thread := await in_database(_next_run, thread_id, turn, seq)) is not _GONE:
            if thread.run_id is None:
                if await subscription.get(_idle_seconds(subscription, heartbeat)) is None:
                    yield None
                continue
            after = seq if thread.turn == turn else 0
            async with aclosing(follow(thread.run_id, after, heartbeat=heartbeat)) as records:
                async for record in records:
                    yield None if record is None else (thread.run_id, thread.turn, record)
            turn, seq = thread.turn, _FINISHED


def thread_end(thread_id: str) -> tuple[int, int]:
    """The position behind everything committed of the thread: where "from now" starts."""
    rows = Run.objects.filter(thread_id=thread_id, turn__isnull=False).order_by("-turn")
    turn, seq = rows.values_list("turn", "last_seq").first() or (0, 0)
    return turn or 0, seq


@dataclass(frozen=True)
class _Next:
    """The run to follow now; no run id when the thread has none yet."""

    run_id: str | None
    turn: int = 0


_GONE = _Next(None, -1)
_FINISHED = 2**62


def _idle_seconds(subscription: Subscription, heartbeat: float) -> float:
    return heartbeat if subscription.connected else min(heartbeat, DISCONNECTED_SECONDS)


def _next_run(thread_id: str, turn: int, seq: int) -> _Next:
    """The run of this turn while events of it are missing, else the one of the next turn."""
    runs = Run.objects.filter(thread_id=thread_id, turn__gte=turn).order_by("turn")
    for run_id, place, status, last in runs.values_list("id", "turn", "status", "last_seq")[:2]:
        if place is not None and (place > turn or status != Run.Status.DONE or seq < last):
            return _Next(run_id, place)
    return _Next(None) if Thread.objects.filter(pk=thread_id).exists() else _GONE


async def in_database(work: Callable[..., T], *arguments: object) -> T:
    """Run synchronous database work in a thread, and give its connection back afterwards.

    A stream must not hold a connection of the pool while it waits.
    """
    return await sync_to_async(_released, thread_sensitive=False)(work, *arguments)


def _released(work: Callable[..., T], *arguments: object) -> T:
    try:
        return work(*arguments)
    finally:
        connections.close_all()
