"""The self-clocked publisher: all runs of a process, one round trip to Redis per tick.

What a run says after a pause of its own goes out at once; while more keeps coming, one pipeline
leaves every 20 ms, with one XADD and one PUBLISH per run whatever the number of deltas.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress

import orjson
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from agentserver.core.loops import background_loop, in_background_loop
from runs.events.live.address import Address
from runs.events.live.base import Notice, encode_record, run_topic
from runs.events.types import Record, is_last

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.02
ROUND_TRIP_SECONDS = 5.0
FLUSH_SECONDS = 1.0
BACKOFF_SECONDS = (0.05, 1.0)
MAX_PENDING_BYTES = 32 * 1024 * 1024
STREAM_ENTRIES = 20_000
KEPT_SECONDS_FINISHED = 300
KEPT_SECONDS_IDLE = 3600
REFRESH_SECONDS = 60.0

Command = tuple[bytes | str | int, ...]


class _Pending:
    """Records of one run that wait for the next tick, and who waits for them to go out."""

    __slots__ = ("finished", "last_seq", "parts", "size", "waiters")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.last_seq = 0
        self.finished = False
        self.waiters: list[Future[None]] = []

    def add(self, parts: list[bytes], last: Record) -> int:
        added = sum(map(len, parts))
        self.parts += parts
        self.size += added
        self.last_seq = last.seq
        self.finished = is_last(last.event)
        return added

    def put_before(self, later: "_Pending") -> None:
        """Give `later` what could not be sent, in front of its own."""
        later.parts = self.parts + later.parts
        later.size += self.size
        later.last_seq = max(self.last_seq, later.last_seq)
        later.finished = later.finished or self.finished
        later.waiters = self.waiters + later.waiters

    def release(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters = []


class Publisher:
    """Collects from any thread, sends from the background loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._runs: dict[str, _Pending] = {}
        self._notices: list[tuple[str, bytes]] = []
        self._just_sent: set[str] = set()
        self._bytes = 0
        self._active = False
        self._closed = False
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None
        self._failures = 0
        self._refresh_at: dict[str, float] = {}

    def publish(self, run_id: str, records: Sequence[Record]) -> None:
        parts = [encode_record(record) for record in records]
        with self._lock:
            pending = self._runs.get(run_id)
            if pending is None:
                pending = self._runs[run_id] = _Pending()
            self._bytes += pending.add(parts, records[-1])
            if self._bytes > MAX_PENDING_BYTES:
                self._drop_oldest()
            waits_for_tick = not self._active or run_id in self._just_sent
        self._activate()
        if not waits_for_tick:
            self._hurry_up()

    def notify(self, topic: str, notice: Notice) -> None:
        payload = orjson.dumps(notice)
        with self._lock:
            self._notices.append((topic, payload))
            # Notices are hints about rows; in a long outage only the latest matter.
            del self._notices[:-1000]
        self._activate()

    async def flush(self, run_id: str) -> None:
        waiter: Future[None] = Future()
        with self._lock:
            if not self._active:
                return
            self._runs.setdefault(run_id, _Pending()).waiters.append(waiter)
        self._hurry_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.wrap_future(waiter)

    async def close(self) -> None:
        """Runs on the background loop."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._disconnect()

    def _hurry_up(self) -> None:
        """Ends the pause before the next tick."""
        if in_background_loop():
            self._hurry.set()
        else:
            background_loop().call_soon_threadsafe(self._hurry.set)

    def _activate(self) -> None:
        with self._lock:
            if self._active or self._closed:
                return
            self._active = True
        background_loop().call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = asyncio.ensure_future(self._tick_until_idle())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # A fault of ours must not silence the process: the next publish starts again.
            logger.error("live channel: the publisher failed", exc_info=error)
            self._active = False

    async def _tick_until_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self._hurry.clear()
            runs, notices = self._take()
            if runs or notices:
                await self._send(runs, notices)
                await self._pause(TICK_SECONDS - (loop.time() - started))
            elif self._rest():
                return

    def _take(self) -> tuple[dict[str, _Pending], list[tuple[str, bytes]]]:
        with self._lock:
            runs, self._runs = self._runs, {}
            notices, self._notices = self._notices, []
            self._just_sent = set(runs)
            self._bytes = 0
        return runs, notices

    def _rest(self) -> bool:
        """True when there is nothing to do; the next publish starts the ticks again."""
        with self._lock:
            self._active = bool(self._runs or self._notices)
            return not self._active

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()

    async def _send(self, runs: dict[str, _Pending], notices: list[tuple[str, bytes]]) -> None:
        commands = [*self._run_commands(runs), *self._notice_commands(notices)]
        try:
            await self._round_trip(commands)
        except (RedisError, OSError, TimeoutError) as error:
            await self._disconnect()
            self._put_back(runs, notices)
            await self._back_off(error)
            return
        self._failures = 0
        for pending in runs.values():
            pending.release()

    async def _round_trip(self, commands: list[Command]) -> None:
        async with asyncio.timeout(ROUND_TRIP_SECONDS):
            if self._connection is None:
                self._connection = await self._address.connect()
            connection = self._connection
            packed = connection.pack_commands(commands)
            await connection.send_packed_command(packed, check_health=False)
            for _ in commands:
                await self._read_answer(connection)

    async def _read_answer(self, connection: AbstractConnection) -> None:
        try:
            await connection.read_response(disable_decoding=True)
        except ResponseError as error:
            # A repeat after a lost answer: the entry is already there.
            if "equal or smaller" not in str(error):
                logger.warning("live channel: Redis refused a command: %s", error)

    def _run_commands(self, runs: dict[str, _Pending]) -> Iterator[Command]:
        now = asyncio.get_running_loop().time()
        for run_id, pending in runs.items():
            if not pending.parts:
                continue
            payload = b"[" + b",".join(pending.parts) + b"]"
            key = self._address.stream(run_id)
            # The entry id is the last seq: a late joiner reads from where it is, and a repeated or
            # outdated batch is refused.
            entry = f"{pending.last_seq}-0"
            yield ("XADD", key, "MAXLEN", "~", STREAM_ENTRIES, entry, b"d", payload)
            yield ("PUBLISH", self._address.channel(run_topic(run_id)), payload)
            if keep := self._keep_seconds(run_id, pending, now):
                yield ("EXPIRE", key, keep)

    def _notice_commands(self, notices: list[tuple[str, bytes]]) -> Iterator[Command]:
        for topic, payload in notices:
            yield ("PUBLISH", self._address.channel(topic), payload)

    def _keep_seconds(self, run_id: str, pending: _Pending, now: float) -> int:
        """How long the stream shall live from now; 0 when that was said recently."""
        if pending.finished:
            self._refresh_at.pop(run_id, None)
            return KEPT_SECONDS_FINISHED
        if self._refresh_at.get(run_id, 0.0) > now:
            return 0
        if len(self._refresh_at) > 10_000:
            self._refresh_at = {key: at for key, at in self._refresh_at.items() if at > now}
        self._refresh_at[run_id] = now + REFRESH_SECONDS
        return KEPT_SECONDS_IDLE

    def _put_back(self, runs: dict[str, _Pending], notices: list[tuple[str, bytes]]) -> None:
        with self._lock:
            for run_id, unsent in runs.items():
                self._refresh_at.pop(run_id, None)
                later = self._runs.get(run_id)
                if later is None:
                    self._runs[run_id] = unsent
                else:
                    unsent.put_before(later)
                self._bytes += unsent.size
            self._notices = notices + self._notices
            if self._bytes > MAX_PENDING_BYTES:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Make room by forgetting whole runs; their readers find the events in the log."""
        while self._bytes > MAX_PENDING_BYTES // 2 and self._runs:
            dropped = self._runs.pop(next(iter(self._runs)))
            self._bytes -= dropped.size
            dropped.release()
        logger.warning("live channel: pending events were dropped, readers will use the log")

    async def _back_off(self, error: Exception) -> None:
        if self._failures == 0:
            logger.warning("live channel: Redis is unreachable: %s", type(error).__name__)
        shortest, longest = BACKOFF_SECONDS
        await asyncio.sleep(min(longest, shortest * 2**self._failures))
        self._failures = min(self._failures + 1, 10)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)
