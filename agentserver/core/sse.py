"""Server-sent events over HTTP: the only place that says ``text/event-stream``.

A stream is an async iterator of frames; None in it becomes a heartbeat comment. It works under ASGI
as it is, and under WSGI through the background loop of the process, frame by frame.
"""

import asyncio
import queue
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse

from agentserver.core.database import release_database
from agentserver.core.loops import background_loop, submit

if TYPE_CHECKING:
    from concurrent.futures import Future

HEARTBEAT = b": heartbeat\n\n"
CONTENT_TYPE = "text/event-stream"
_BRIDGED_FRAMES = 64

on_open: list[Callable[[], None]] = []
"""Called when a stream begins to be sent."""
on_close: list[Callable[[], None]] = []
"""Called when a stream that began has ended, whatever ended it."""


def frame(data: bytes | str, *, event: str | None = None, id: str | None = None) -> bytes:
    """One event in the wire form of the HTML standard, with LF as the only line end.

    Each line of `data` gets its own ``data:`` line; a CR counts as a line end, as it does for the
    reader. `event` and `id` are single lines; anything else is a ValueError.
    """
    body = data.encode() if isinstance(data, str) else data
    if b"\n" in body or b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    head = b"" if id is None else b"id: " + _line(id) + b"\n"
    if event is not None:
        head += b"event: " + _line(event) + b"\n"
    return head + b"data: " + body + b"\n\n"


def _line(value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        raise ValueError("an event name or id is one line without NUL")
    return value.encode()


class EventStreamResponse(StreamingHttpResponse):
    """Streams `frames` and closes them when the client goes away or the time is up.

    `headers` are added to the usual ones. `request`, when given, lets HTTP/1.1 under ASGI say
    ``connection: keep-alive``; WSGI forbids applications to. `max_seconds` (default: setting
    AGENTSERVER_STREAM_SECONDS) ends the stream at the first frame or heartbeat after that time.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes | None],
        *,
        headers: Mapping[str, str] | None = None,
        request: HttpRequest | None = None,
        max_seconds: float | None = None,
        status: int = 200,
    ) -> None:
        limit = settings.AGENTSERVER_STREAM_SECONDS if max_seconds is None else max_seconds
        self._bridge: _Bridge | None = None
        super().__init__(_limited(frames, limit), content_type=CONTENT_TYPE, status=status)
        self["Cache-Control"] = "no-cache"
        self["X-Accel-Buffering"] = "no"
        if _keeps_alive(request):
            self["Connection"] = "keep-alive"
        for name, value in (headers or {}).items():
            self[name] = value
        release_database()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        # The base class leaves the closing of the inner iterators to the garbage collector.
        iterator: AsyncGenerator[bytes, None] = cast("Any", self)._iterator
        try:
            async for part in iterator:
                yield part
        finally:
            await _close(iterator)

    def __iter__(self) -> Generator[bytes, None, None]:
        self._bridge = _Bridge(aiter(self))
        return self._bridge.frames()

    def close(self) -> None:
        if self._bridge is not None:
            self._bridge.close()
        super().close()

    def getvalue(self) -> bytes:
        return b"".join(self)


async def _limited(
    frames: AsyncIterator[bytes | None], max_seconds: float
) -> AsyncGenerator[bytes, None]:
    ends_at = time.monotonic() + max_seconds
    _tell(on_open)
    try:
        async for item in frames:
            yield HEARTBEAT if item is None else item
            if time.monotonic() >= ends_at:
                return
    finally:
        _tell(on_close)
        await _close(frames)


def _tell(callbacks: list[Callable[[], None]]) -> None:
    for callback in tuple(callbacks):
        callback()


async def _close(iterator: AsyncIterator[Any]) -> None:
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()


def _keeps_alive(request: HttpRequest | None) -> bool:
    scope = getattr(request, "scope", None) or {}
    return str(scope.get("http_version", "")).startswith("1")


class _End:
    """The last item of a bridge: `error` is what the source raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Bridge:
    """Runs an async iterator on the background loop, one task from start to end, for a sync reader.

    At most `_BRIDGED_FRAMES` frames wait for the reader; then the source waits.
    """

    def __init__(self, source: AsyncGenerator[bytes, None]) -> None:
        self._source = source
        self._items: queue.SimpleQueue[bytes | _End] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_BRIDGED_FRAMES)
        self._task: Future[None] | None = None

    def frames(self) -> Generator[bytes, None, None]:
        loop = background_loop()
        self._task = submit(self._pump())
        try:
            while not isinstance(item := self._items.get(), _End):
                yield item
                loop.call_soon_threadsafe(self._room.release)
            if item.error is not None:
                raise item.error
        finally:
            self.close()

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _pump(self) -> None:
        error: Exception | None = None
        try:
            async for part in self._source:
                await self._room.acquire()
                self._items.put(part)
        except Exception as raised:
            error = raised
        finally:
            with suppress(Exception):
                await self._source.aclose()
            self._items.put(_End(error))
