"""Messages of a handler on their way to the client, across threads and loops."""

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Any

Json = dict[str, Any]


class Outbox:
    """Written from any thread, read by one coroutine on any loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Json] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Event | None = None
        self.closed = False

    def put(self, message: Json) -> None:
        """After `close` nothing is taken any more."""
        with self._lock:
            if self.closed:
                return
            self._messages.append(message)
        self._wake()

    def close(self) -> None:
        with self._lock:
            self.closed = True
        self._wake()

    @property
    def is_single(self) -> bool:
        """Whether one message is all there will be, and nobody has read it."""
        with self._lock:
            return self.closed and len(self._messages) == 1

    async def get(self, seconds: float) -> list[Json] | None:
        """What waits, in order; nothing when `seconds` pass, None when closed and empty."""
        self._attach()
        if not self._messages and not self.closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wait()
        with self._lock:
            taken = list(self._messages)
            self._messages.clear()
            return None if self.closed and not taken else taken

    def _attach(self) -> None:
        if self._ready is None:
            with self._lock:
                self._loop, self._ready = asyncio.get_running_loop(), asyncio.Event()

    async def _wait(self) -> None:
        assert self._ready is not None  # noqa: S101 - made by _attach
        while not self._messages and not self.closed:
            self._ready.clear()
            if self._messages or self.closed:
                return
            await self._ready.wait()

    def _wake(self) -> None:
        loop, ready = self._loop, self._ready
        if loop is not None and ready is not None:
            with suppress(RuntimeError):  # the reader's loop was closed meanwhile
                loop.call_soon_threadsafe(ready.set)
