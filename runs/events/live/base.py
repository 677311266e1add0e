"""The interface of the live channel, and what a reader gets from it."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import orjson

from agentserver.core import exact_json
from runs.events.types import Record

Notice = dict[str, Any]
ControlCallback = Callable[[Notice], None]

CHANGES = "changes"
"""Topic of light notices ``{"channel": "runs"|"threads"|"mailbox", "id", ...}`` for live pages."""
CONTROL = "control"
RESYNC: Notice = {"kind": "resync"}
"""Given to control callbacks when messages may have been missed: look at the rows again."""

MAX_QUEUED_BATCHES = 2_000
MAX_QUEUED_BYTES = 8 * 1024 * 1024
_BYTES_PER_RECORD = 256


def run_topic(run_id: str) -> str:
    return f"run:{run_id}"


def thread_topic(thread_id: str) -> str:
    return f"thread:{thread_id}"


def encode_record(record: Record) -> bytes:
    """The record's stored form as JSON."""
    stored = record.dump()
    try:
        return orjson.dumps(stored)
    except TypeError:
        return exact_json.dumps(stored).encode()


def decode_records(payload: bytes) -> tuple[Record, ...]:
    return tuple(Record.load(stored) for stored in exact_json.loads(payload))


class LiveBatch:
    """What arrived at once on one topic: records on a run's topic, a notice on every other.

    `lost` says that something may be missing before this point: read the log again. The payload is
    decoded on first use and shared by all subscriptions of the process.
    """

    __slots__ = ("_notice", "_payload", "_records", "lost", "size", "topic")

    def __init__(
        self,
        topic: str,
        *,
        payload: bytes | None = None,
        records: tuple[Record, ...] | None = None,
        notice: Notice | None = None,
        lost: bool = False,
    ) -> None:
        self.topic = topic
        self.lost = lost
        self.size = len(payload) if payload else _BYTES_PER_RECORD * len(records or ())
        self._payload = payload
        self._records = records
        self._notice = notice

    @property
    def records(self) -> tuple[Record, ...]:
        if self._records is None:
            self._records = decode_records(self._payload) if self._payload else ()
        return self._records

    @property
    def notice(self) -> Notice:
        if self._notice is None:
            self._notice = orjson.loads(self._payload) if self._payload else {}
        return self._notice


class Subscription:
    """The queue of one reader. Written from any thread, read on the loop that made it.

    A reader that is too slow loses its queue instead of growing it: the next `get` then starts with
    a batch marked lost.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = tuple(topics)
        self.connected = True
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._ready = asyncio.Event()
        self._queue: list[LiveBatch] = []
        self._bytes = 0
        self._lost = False

    def deliver(self, batch: LiveBatch) -> None:
        with self._lock:
            first = not self._queue and not self._lost
            self._put(batch)
        if first:
            self._wake()

    def mark_lost(self) -> None:
        """Something may have been missed, on any topic."""
        with self._lock:
            first = not self._queue and not self._lost
            self._lost = True
        if first:
            self._wake()

    async def get(self, timeout: float | None = None) -> list[LiveBatch] | None:  # noqa: ASYNC109
        """Everything that waits, oldest first; None when `timeout` seconds passed without any."""
        if not self._queue and not self._lost:
            try:
                async with asyncio.timeout(timeout):
                    await self._wait()
            except TimeoutError:
                return None
        return self._take()

    async def _wait(self) -> None:
        while not self._queue and not self._lost:
            # A wake-up from another thread may arrive after its batch was taken: look again.
            self._ready.clear()
            if self._queue or self._lost:
                return
            await self._ready.wait()

    def _put(self, batch: LiveBatch) -> None:
        self._bytes += batch.size
        if len(self._queue) >= MAX_QUEUED_BATCHES or self._bytes > MAX_QUEUED_BYTES:
            self._queue.clear()
            self._bytes = 0
            self._lost = True
        elif not self._lost:
            # Once something is lost the reader starts over from the log; more would be in vain.
            self._queue.append(batch)

    def _take(self) -> list[LiveBatch]:
        with self._lock:
            taken, lost = self._queue, self._lost
            self._queue, self._bytes, self._lost = [], 0, False
            self._ready.clear()
        return [LiveBatch("", lost=True)] if lost else taken

    def _wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._ready.set()
        else:
            with suppress(RuntimeError):  # the reader's loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._ready.set)


class LiveChannel(ABC):
    """Publishes run events and notices, and lets readers follow them.

    Delivery is at most once and in order per run; batches may come twice after a reconnect.
    """

    @abstractmethod
    def publish(self, run_id: str, thread_id: str, records: Sequence[Record]) -> None:
        """Send records, ascending by seq. Callable from any thread; never blocks, never raises."""

    @abstractmethod
    async def flush(self, run_id: str) -> None:
        """Return when everything published for the run so far is on its way (or 1 s passed)."""

    @abstractmethod
    def subscribe(self, topics: Iterable[str]) -> AbstractAsyncContextManager[Subscription]:
        """Within the context everything published on the topics reaches the subscription."""

    @abstractmethod
    async def buffered(self, run_id: str, after_seq: int) -> list[Record]:
        """Recently published records with a greater seq, ascending, committed or not.

        It may have holes where it was trimmed. `Unavailable` when the buffer cannot be read.
        """

    @abstractmethod
    def knows(self, run_id: str) -> bool:
        """Whether something published under this id may still be shown, also after its run was
        deleted. Blocks for about a second at most; true when nobody can tell."""

    @abstractmethod
    def notify(self, topic: str, notice: Notice) -> None:
        """Send a notice. Callable from any thread; never blocks, never raises."""

    def notify_thread(self, thread_id: str, notice: Notice) -> None:
        """Tell followers of a thread that something changed, such as a run that got its turn."""
        self.notify(thread_topic(thread_id), notice)

    @abstractmethod
    def send_control(self, message: Notice) -> int | None:
        """Tell every worker host something at once. A hint: the rows say the same, durably.

        Returns how many hosts were reached (0 also on an event loop, where that is not known), or
        None when the channel did not answer.
        Callable from any thread; waits at most about a second, never raises.
        """

    @abstractmethod
    def on_control(self, callback: ControlCallback) -> Callable[[], None]:
        """Call `callback` on the background loop for each control message; returns the way out."""

    @abstractmethod
    async def ping(self) -> None:
        """Raise `Unavailable` when the channel cannot be reached."""

    @abstractmethod
    async def close(self) -> None: ...
