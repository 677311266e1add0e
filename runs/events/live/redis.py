"""The live channel over Redis: production, with web and worker processes apart."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import orjson
import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from agentserver.core.errors import Unavailable
from agentserver.core.loops import submit
from runs.events.live.address import COMMAND_SECONDS, Address
from runs.events.live.base import (
    CONTROL,
    RESYNC,
    ControlCallback,
    LiveChannel,
    Notice,
    Subscription,
    decode_records,
)
from runs.events.live.hub import Hub
from runs.events.live.publisher import Publisher
from runs.events.types import Record

logger = logging.getLogger(__name__)

CONTROL_SECONDS = 1.0


class RedisChannel(LiveChannel):
    def __init__(self, url: str) -> None:
        self._address = Address(url)
        self._publisher = Publisher(self._address)
        self._hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._sync_client: redis.Redis | None = None

    def publish(self, run_id: str, thread_id: str, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            self._publisher.publish(run_id, records)
        except Exception:
            # The caller is the engine, whose commit makes the log complete; readers use that.
            logger.exception("live channel: events of run %s were not published", run_id)

    async def flush(self, run_id: str) -> None:
        await self._publisher.flush(run_id)

    @asynccontextmanager
    async def subscribe(self, topics: Iterable[str]) -> AsyncIterator[Subscription]:
        subscription = Subscription(topics)
        hub = self._hub()
        try:
            await hub.add(subscription)
            yield subscription
        finally:
            hub.remove(subscription)

    async def buffered(self, run_id: str, after_seq: int) -> list[Record]:
        key = self._address.stream(run_id)
        try:
            entries: Any = await self._hub().client.xrange(key, min=str(after_seq + 1))
        except (RedisError, OSError) as error:
            raise Unavailable("the live channel (Redis) does not answer") from error
        return [
            record
            for _, fields in entries
            for record in decode_records(fields[b"d"])
            if record.seq > after_seq
        ]

    def knows(self, run_id: str) -> bool:
        try:
            return bool(self._sync().exists(self._address.stream(run_id)))
        except (RedisError, OSError):
            return True

    def notify(self, topic: str, notice: Notice) -> None:
        try:
            self._publisher.notify(topic, notice)
        except Exception:
            logger.exception("live channel: a notice on %s was not sent", topic)

    def send_control(self, message: Notice) -> int | None:
        if _on_event_loop():
            self.notify(CONTROL, message)
            return 0
        try:
            payload = orjson.dumps(message)
            return int(self._sync().publish(self._address.channel(CONTROL), payload))
        except (RedisError, OSError) as error:
            logger.warning("live channel: control message not sent: %s", type(error).__name__)
            return None

    def on_control(self, callback: ControlCallback) -> Callable[[], None]:
        future = submit(self._control(callback))
        return lambda: (future.cancel(), None)[1]

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._hub().client.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("the live channel (Redis) does not answer") from error

    async def close(self) -> None:
        """Runs on the background loop; the hubs of other loops end with those."""
        await self._publisher.close()
        hub = self._hubs.pop(asyncio.get_running_loop(), None)
        if hub is not None:
            await hub.close()
        if self._sync_client is not None:
            self._sync_client.close()

    async def _control(self, callback: ControlCallback) -> None:
        async with self.subscribe([CONTROL]) as subscription:
            while True:
                for batch in await subscription.get() or ():
                    _call(callback, RESYNC if batch.lost else batch.notice)

    def _hub(self) -> Hub:
        loop = asyncio.get_running_loop()
        with self._lock:
            hub = self._hubs.get(loop)
            if hub is None:
                hub = self._hubs[loop] = Hub(self._address)
        return hub

    def _sync(self) -> redis.Redis:
        with self._lock:
            if self._sync_client is None:
                options = self._address.options(socket_timeout=CONTROL_SECONDS)
                # One repeat: the pooled connection may be from before a restart of Redis.
                options |= {
                    "socket_connect_timeout": CONTROL_SECONDS,
                    "retry": Retry(NoBackoff(), 1),
                }
                self._sync_client = redis.Redis.from_url(self._address.url, **options)
            return self._sync_client


def _call(callback: ControlCallback, message: Notice) -> None:
    try:
        callback(message)
    except Exception:
        logger.exception("a control callback failed on %s", message.get("kind"))


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
