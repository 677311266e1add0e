"""What one event loop needs to read from Redis, shared by all readers on that loop."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runs.events.live.address import Address
from runs.events.live.base import LiveBatch, Subscription

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 2.0
SILENCE_SECONDS = 15.0
BACKOFF_SECONDS = (0.05, 1.0)


class _Topic:
    """Who reads one Redis channel; `confirmed` once Redis said that it is subscribed."""

    __slots__ = ("confirmed", "name", "readers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.readers: set[Subscription] = set()
        self.confirmed = asyncio.Event()


class Hub:
    """The one publish/subscribe connection of a loop, and `client` for single commands.

    Belongs to the loop that made it: its task ends with that loop and closes the connections.
    """

    def __init__(self, address: Address) -> None:
        self.client = Redis.from_pool(address.reading_pool())
        self._address = address
        self._topics: dict[bytes, _Topic] = {}
        self._connection: AbstractConnection | None = None
        self._wanted = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._unanswered: Counter[bytes] = Counter()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def add(self, subscription: Subscription) -> None:
        """Returns once Redis confirmed, or after 2 s with `subscription.connected` false."""
        topics = [self._join(name, subscription) for name in subscription.topics]
        fresh = [topic for topic in topics if len(topic.readers) == 1]
        self._wanted.set()
        if fresh and self._connection is not None:
            await self._subscribe([self._address.channel(topic.name) for topic in fresh])
        if all(topic.confirmed.is_set() for topic in topics):
            return
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                for topic in topics:
                    await topic.confirmed.wait()
        except TimeoutError:
            subscription.connected = False

    def remove(self, subscription: Subscription) -> None:
        for name in subscription.topics:
            channel = self._address.channel(name)
            topic = self._topics.get(channel)
            if topic is not None:
                topic.readers.discard(subscription)
                if not topic.readers:
                    del self._topics[channel]
                    self._leave_later(channel)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _join(self, name: str, subscription: Subscription) -> _Topic:
        topic = self._topics.setdefault(self._address.channel(name), _Topic(name))
        topic.readers.add(subscription)
        return topic

    def _leave_later(self, channel: bytes) -> None:
        task = asyncio.ensure_future(self._leave(channel))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _leave(self, channel: bytes) -> None:
        # Somebody may have come back meanwhile. Nothing is awaited between look and write.
        if channel not in self._topics:
            await self._send("UNSUBSCRIBE", channel)

    async def _subscribe(self, channels: Iterable[bytes]) -> None:
        names = list(channels)
        # Leaving and coming back puts several commands on the way; only the last answer counts.
        self._unanswered.update(names)
        await self._send("SUBSCRIBE", *names)

    async def _send(self, command: str, *channels: bytes) -> None:
        connection = self._connection
        if connection is not None and channels:
            with suppress(RedisError, OSError):  # the reading side notices and reconnects
                await connection.send_command(command, *channels, check_health=False)

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._connect()
                    failures = 0
                    await self._read()
                except (RedisError, OSError, TimeoutError) as error:
                    if failures == 0:
                        logger.warning("live channel: connection lost: %s", type(error).__name__)
                await self._disconnect()
                shortest, longest = BACKOFF_SECONDS
                await asyncio.sleep(min(longest, shortest * 2**failures))
                failures = min(failures + 1, 10)
        finally:
            await self._disconnect()
            await self.client.aclose()

    async def _connect(self) -> None:
        self._connection = await self._address.connect()
        self._unanswered.clear()
        await self._subscribe(self._topics)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        for topic in self._topics.values():
            topic.confirmed.clear()
            for reader in topic.readers:
                reader.connected = False
        if connection is not None:
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _read(self) -> None:
        """Dispatch until the connection fails. Silence is probed: a dead peer does not answer."""
        probed = False
        while (connection := self._connection) is not None:
            answer = await connection.read_response(
                disable_decoding=True, timeout=SILENCE_SECONDS, disconnect_on_error=False
            )
            if answer is not None:
                probed = False
                self._dispatch(answer)
            elif probed:
                raise TimeoutError("no answer to a probe")
            else:
                probed = True
                await connection.send_command("PING", check_health=False)

    def _dispatch(self, answer: list[bytes]) -> None:
        kind, channel = answer[0], answer[1]
        topic = self._topics.get(channel)
        if kind == b"message" and topic:
            batch = LiveBatch(topic.name, payload=answer[2])
            for reader in topic.readers:
                reader.deliver(batch)
        elif kind == b"subscribe":
            self._unanswered[channel] -= 1
            if self._unanswered[channel] <= 0:
                del self._unanswered[channel]
                if topic:
                    self._confirm(topic)

    def _confirm(self, topic: _Topic) -> None:
        if topic.confirmed.is_set():
            return
        topic.confirmed.set()
        for reader in topic.readers:
            if not reader.connected:
                reader.connected = True
                reader.mark_lost()
