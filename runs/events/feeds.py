"""From the live channel to django-eventstream's listeners, only while somebody listens.

A feed exists once per channel and event loop as long as a listener is connected. For a run or a
thread it carries no events: it makes the listeners read the log again, at most every 100 ms, so
that none is missed, repeated or bounded by the library's queue of ten. Publishing costs nothing
extra. Change notices go to the listeners as they are.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from weakref import WeakKeyDictionary

from django_eventstream.event import Event
from django_eventstream.views import get_listener_manager

from agentserver.core.database import in_database
from agentserver.core.exact_json import dumps
from runs.events import log
from runs.events.eventstream import CHANGE_CHANNELS, run_of, thread_of
from runs.events.follower import HEARTBEAT_SECONDS
from runs.events.live import CHANGES, channel, run_topic

logger = logging.getLogger(__name__)

WAKE_SECONDS = 0.1
RETRY_SECONDS = 1.0


async def fed(
    frames: AsyncGenerator[str | bytes, None], channels: Iterable[str]
) -> AsyncGenerator[bytes, None]:
    """The library's stream as it is, with its channels fed for as long as it is read."""
    async with AsyncExitStack() as stack:
        for name in channels:
            await stack.enter_async_context(_feeds().joined(name))
        await stack.enter_async_context(aclosing(frames))
        async for part in frames:
            yield part.encode() if isinstance(part, str) else part


class _Feeds:
    """The feeds of one event loop, counted by listener."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: dict[str, int] = {}

    @asynccontextmanager
    async def joined(self, name: str) -> AsyncIterator[None]:
        self._listeners[name] = self._listeners.get(name, 0) + 1
        if name not in self._tasks:
            self._tasks[name] = asyncio.ensure_future(_keep_feeding(name))
        try:
            yield
        finally:
            self._listeners[name] -= 1
            if not self._listeners[name]:
                del self._listeners[name]
                self._tasks.pop(name).cancel()


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Feeds] = WeakKeyDictionary()


def _feeds() -> _Feeds:
    return _by_loop.setdefault(asyncio.get_running_loop(), _Feeds())


async def _keep_feeding(name: str) -> None:
    while True:
        try:
            await _feed(name)
        except Exception:
            logger.exception("the feed of %s failed and starts again", name)
        else:
            return
        await asyncio.sleep(RETRY_SECONDS)


async def _feed(name: str) -> None:
    if name in CHANGE_CHANNELS:
        await _pass_changes_on(name)
    elif run_id := run_of(name):
        await _wake_for_run(name, run_id)
    elif thread_id := thread_of(name):
        await _wake_for_thread(name, thread_id)


async def _pass_changes_on(name: str) -> None:
    async with channel().subscribe([CHANGES]) as subscription:
        while True:
            for batch in await subscription.get() or ():
                if not batch.lost and batch.notice.get("channel") == name:
                    event = Event(name, "changed", dumps(batch.notice))
                    get_listener_manager().add_to_queues(name, event)


async def _wake_for_run(name: str, run_id: str) -> None:
    async with channel().subscribe([run_topic(run_id)]) as subscription:
        while True:
            _wake(name)
            await asyncio.sleep(WAKE_SECONDS)
            await subscription.get(HEARTBEAT_SECONDS)


async def _wake_for_thread(name: str, thread_id: str) -> None:
    position = await in_database(log.thread_end, thread_id)
    waker = _Waker(name)
    # Whatever came between a listener's first look and this position.
    waker.touch()
    async with aclosing(log.follow_thread(thread_id, position)) as items:
        async for _ in items:
            waker.touch()


class _Waker:
    """Wakes the listeners of a channel once per `WAKE_SECONDS`, however often it is touched."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._timer: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WAKE_SECONDS, self._fire)

    def _fire(self) -> None:
        self._timer = None
        _wake(self._name)


def _wake(name: str) -> None:
    """Make every listener of a channel read the storage again from where it is.

    This is what the library does itself when a listener's queue overflows.
    """
    manager = get_listener_manager()
    with manager.lock:
        for listener in manager.listeners_by_channel.get(name, ()):
            listener.overflow = True
            listener.wake_threadsafe()
