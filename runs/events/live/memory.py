"""The live channel inside one process: embedded mode, where web and worker share it."""

import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from agentserver.core.loops import background_loop
from runs.events.live.base import (
    ControlCallback,
    LiveBatch,
    LiveChannel,
    Notice,
    Subscription,
    run_topic,
)
from runs.events.types import Record, is_last

KEPT_RECORDS = 20_000
KEPT_SECONDS_FINISHED = 300.0
KEPT_SECONDS_IDLE = 3600.0
SWEEP_SECONDS = 15.0


class _Buffer:
    """The latest records of one run, and the moment (monotonic seconds) it may be forgotten."""

    def __init__(self) -> None:
        self.records: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self.expires_at = 0.0

    def add(self, records: Sequence[Record], now: float) -> None:
        self.records.extend(records)
        finished = is_last(records[-1].event)
        self.expires_at = now + (KEPT_SECONDS_FINISHED if finished else KEPT_SECONDS_IDLE)


class MemoryChannel(LiveChannel):
    """Records are passed by reference; they are never changed after they were made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._buffers: dict[str, _Buffer] = {}
        self._controls: list[ControlCallback] = []
        self._next_sweep = 0.0

    def publish(self, run_id: str, thread_id: str, records: Sequence[Record]) -> None:
        if not records:
            return
        now = self._clock()
        with self._lock:
            self._buffers.setdefault(run_id, _Buffer()).add(records, now)
            if now >= self._next_sweep:
                self._sweep(now)
        self._deliver(LiveBatch(run_topic(run_id), records=tuple(records)))

    async def flush(self, run_id: str) -> None:
        """Nothing waits: `publish` delivers."""

    @asynccontextmanager
    async def subscribe(self, topics: Iterable[str]) -> AsyncIterator[Subscription]:
        subscription = Subscription(topics)
        with self._lock:
            for topic in subscription.topics:
                self._subscriptions.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._remove(subscription)

    async def buffered(self, run_id: str, after_seq: int) -> list[Record]:
        with self._lock:
            buffer = self._buffers.get(run_id)
            newest_first = reversed(buffer.records) if buffer else ()
            found = []
            for record in newest_first:
                if record.seq <= after_seq:
                    break
                found.append(record)
        return found[::-1]

    def knows(self, run_id: str) -> bool:
        return run_id in self._buffers

    def notify(self, topic: str, notice: Notice) -> None:
        self._deliver(LiveBatch(topic, notice=notice))

    def send_control(self, message: Notice) -> int:
        callbacks = tuple(self._controls)
        for callback in callbacks:
            background_loop().call_soon_threadsafe(callback, message)
        return len(callbacks)

    def on_control(self, callback: ControlCallback) -> Callable[[], None]:
        self._controls.append(callback)
        return lambda: self._controls.remove(callback)

    async def ping(self) -> None:
        """A dictionary is always there."""

    async def close(self) -> None:
        with self._lock:
            self._buffers.clear()
            self._controls.clear()

    def _deliver(self, batch: LiveBatch) -> None:
        with self._lock:
            readers = tuple(self._subscriptions.get(batch.topic, ()))
        for reader in readers:
            reader.deliver(batch)

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            for topic in subscription.topics:
                readers = self._subscriptions.get(topic, set())
                readers.discard(subscription)
                if not readers:
                    self._subscriptions.pop(topic, None)

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + SWEEP_SECONDS
        expired = [run_id for run_id, buffer in self._buffers.items() if buffer.expires_at <= now]
        for run_id in expired:
            del self._buffers[run_id]
