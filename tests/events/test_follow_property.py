"""`follow` against every interleaving of lost, repeated, late and trimmed live events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.events import follower, log
from runs.events import live as live_package
from runs.events.live import LiveBatch, LiveChannel, Subscription, run_topic
from runs.events.live.memory import MemoryChannel
from runs.events.types import Record, StepReset
from tests.events.samples import delta, finished, record, reset, started

RUN = "r"
SEQ_JUMP = 100


@dataclass
class World:
    """A worker, the database and a live channel that misbehaves as it is told."""

    committed: list[Record] = field(default_factory=list)
    emitted: list[Record] = field(default_factory=list)
    buffer: list[list[Record]] = field(default_factory=list)
    readers: set[Subscription] = field(default_factory=set)
    late: list[LiveBatch] = field(default_factory=list)
    next_seq: int = 1
    attempt: int = 0
    done: bool = False

    def emit(self, events: Iterable[Any], fate: str) -> None:
        records = []
        for event in events:
            records.append(record(self.next_seq, event))
            self.next_seq += 1
        self.emitted += records
        if fate == "vanish":
            return
        self.buffer.append(records)
        batch = LiveBatch(run_topic(RUN), records=tuple(records))
        if fate == "late":
            self.late.append(batch)
        elif fate != "drop":
            self.deliver(batch)
        if fate == "twice":
            self.deliver(batch)

    def deliver(self, batch: LiveBatch) -> None:
        for reader in self.readers:
            reader.deliver(batch)

    def deltas(self, count: int, fate: str) -> None:
        self.emit([delta(f"a{self.attempt}") for _ in range(count)], fate)

    def begin(self, count: int, fate: str) -> None:
        """A new attempt: what was not committed is void, and its numbers are never used again.

        It opens with both events in one publication, in either order.
        """
        self.attempt += 1
        if self.attempt > 1:
            self.next_seq += SEQ_JUMP
        last = self.committed[-1].seq if self.committed else 0
        self.emitted = []
        opening = [started(self.attempt), reset(last)]
        self.emit(opening if count % 2 else opening[::-1], fate)

    def commit(self, *_: object) -> None:
        self.committed += self.emitted
        self.emitted = []

    def release(self, *_: object) -> None:
        late, self.late = self.late, []
        for batch in reversed(late):
            self.deliver(batch)

    def lose(self, *_: object) -> None:
        for reader in self.readers:
            reader.mark_lost()

    def trim(self, count: int, _: str) -> None:
        del self.buffer[:count]

    def finish(self, fate: str) -> None:
        self.emitted += [record(self.next_seq, finished())]
        self.next_seq += 1
        end = self.emitted[-1]
        self.commit()
        self.done = True
        self.buffer.append([end])
        if fate != "vanish":
            self.deliver(LiveBatch(run_topic(RUN), records=(end,)))

    def page(self, run_id: str, after_seq: int) -> Any:
        found = [item for item in self.committed if item.seq > after_seq][: follower.PAGE]
        full = len(found) == follower.PAGE
        return follower.Page(found, full, over=self.done and not full)


class Chaos(MemoryChannel):
    """Reads from a `World`; only what `follow` uses."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    @asynccontextmanager
    async def subscribe(self, topics: Iterable[str]) -> AsyncIterator[Subscription]:
        subscription = Subscription(topics)
        self.world.readers.add(subscription)
        yield subscription
        self.world.readers.discard(subscription)

    async def buffered(self, run_id: str, after_seq: int) -> list[Record]:
        await asyncio.sleep(0)
        published = chain.from_iterable(self.world.buffer)
        return [item for item in published if item.seq > after_seq]


FATES = st.sampled_from(["deliver", "drop", "twice", "late", "vanish"])
STEPS: dict[str, Callable[[World, int, str], None]] = {
    "deltas": World.deltas,
    "commit": World.commit,
    "crash": World.begin,
    "release": World.release,
    "lose": World.lose,
    "trim": World.trim,
}
SCRIPTS = st.lists(
    st.tuples(
        st.sampled_from(["deltas", "deltas", "deltas", "commit", *STEPS]),
        st.integers(1, 5),
        FATES,
        st.integers(0, 3),
    ),
    max_size=25,
)


def surviving(records: Sequence[Record]) -> list[Record]:
    kept: list[Record] = []
    for item in records:
        if isinstance(item.event, StepReset):
            while kept and kept[-1].seq > item.event.after_seq:
                kept.pop()
        kept.append(item)
    return kept


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "GAP_SECONDS", 0.001)
    monkeypatch.setattr(follower, "PAGE", 3)


def play(world: World, script: list[tuple[str, int, str, int]], end: str) -> Any:
    async def worker() -> None:
        world.begin(0, "deliver")
        for name, count, fate, pauses in script:
            STEPS[name](world, count, fate)
            for _ in range(pauses):
                await asyncio.sleep(0)
        world.finish(end)

    async def scenario(after_seq: int, fresh: bool) -> list[Record]:
        stream = log.follow(RUN, after_seq, fresh=fresh, heartbeat=0.002)
        async with asyncio.timeout(20):
            working = asyncio.create_task(worker())
            seen = [item async for item in stream if item is not None]
            await working
        return seen

    return scenario


async def ask(world: World, work: Any, *arguments: Any) -> Any:
    await asyncio.sleep(0)
    return world.page(*arguments)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=SCRIPTS, end=FATES, fresh=st.booleans())
def test_it_yields_the_committed_log_whatever_the_live_channel_does(
    script: list[tuple[str, int, str, int]], end: str, fresh: bool
) -> None:
    world = World()
    with installed(world):
        seen = asyncio.run(play(world, script, end)(0, fresh))
    numbers = [item.seq for item in seen]
    assert numbers == sorted(set(numbers))
    assert surviving(seen) == surviving(world.committed)
    assert {item.seq for item in world.committed} <= set(numbers)


class installed:  # noqa: N801 - a context manager, read as a word
    """The world as this process' live channel and database."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patch = pytest.MonkeyPatch()

    def __enter__(self) -> None:
        channel: LiveChannel = Chaos(self.world)
        self.patch.setattr(live_package._current, "channel", channel)
        self.patch.setattr(follower, "in_database", lambda *given: ask(self.world, *given))

    def __exit__(self, *_: object) -> None:
        self.patch.undo()
