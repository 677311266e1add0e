"""The event log as one stream: replay from a position, then live, each event exactly once.

`follow` is what every protocol face, second viewer and late viewer uses; only its start differs.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from agentserver.core.database import in_database
from runs.events.follower import DISCONNECTED_SECONDS, HEARTBEAT_SECONDS, PAGE, Batch, Follower
from runs.events.live import Subscription, channel, run_topic, thread_topic
from runs.events.segments import append_segment, last_seq, read
from runs.events.types import Record
from runs.models import Run
from threads.models import Thread

__all__ = [
    "append_segment",
    "follow",
    "follow_batches",
    "follow_thread",
    "last_seq",
    "read",
    "so_far",
    "thread_end",
]


async def follow(
    run_id: str,
    after_seq: int = 0,
    *,
    fresh: bool = False,
    stop_on_suspend: bool = False,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[Record | None, None]:
    """The records of `follow_batches`, one by one."""
    batches = follow_batches(
        run_id, after_seq, fresh=fresh, stop_on_suspend=stop_on_suspend, heartbeat=heartbeat
    )
    async with aclosing(batches):
        async for batch in batches:
            if batch is None:
                yield None
                continue
            for record in batch:
                yield record


async def follow_batches(
    run_id: str,
    after_seq: int = 0,
    *,
    fresh: bool = False,
    stop_on_suspend: bool = False,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[Batch | None, None]:
    """The events of a run with a seq greater than `after_seq`, until its `RunFinished`, in the
    batches in which they arrive: what a stream can send in one piece.

    Yields None after each `heartbeat` seconds of silence. Ends early when the run row is gone, and
    with `stop_on_suspend` after a `RunSuspended` that nothing is known to follow. `fresh` promises
    that the run was made just now: the database is not read at the start. Committed and live events
    agree on seq: a stream cut anywhere and continued from its last seq misses and repeats nothing.
    """
    async with channel().subscribe([run_topic(run_id)]) as subscription:
        follower = Follower(run_id, after_seq, heartbeat)
        caught_up = follower.catch_up_fresh() if fresh else follower.read_on()
        async with aclosing(caught_up):
            async for batch in caught_up:
                yield batch
        while not follower.ended and not (stop_on_suspend and follower.suspended):
            async with aclosing(follower.next_round(subscription)) as items:
                async for item in items:
                    yield item


async def so_far(run_id: str, after_seq: int = 0, limit: int = PAGE) -> list[Record]:
    """What `follow` would yield without waiting: at most `limit` records, committed or live."""
    found: list[Record] = []
    async with aclosing(Follower(run_id, after_seq).catch_up()) as batches:
        async for batch in batches:
            found += batch
            if len(found) >= limit:
                break
    return found[:limit]


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
