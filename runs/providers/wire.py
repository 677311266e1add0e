"""The client side of one HTTP/1.1 connection as an asyncio protocol."""

import asyncio
from typing import Final, cast

import httptools
import httpx

_PAUSE_AT: Final = 256 * 1024
_MAX_HEAD: Final = 128 * 1024


class ExchangeProtocol(asyncio.Protocol):
    """One request and its answer at a time: ``start``, ``wait_for_head``, then ``take``/``wait``.

    Exactly one task may wait. After the answer is ``complete`` the connection is ``reusable`` if
    both sides keep it open.
    """

    def __init__(self) -> None:
        self.lost = False
        self._failure: Exception | None = None
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.last_used = 0.0
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.answered = False
        self.complete = False
        self._head_done = False
        self._keep_alive = False
        self._head_size = 0
        self._body: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def reusable(self) -> bool:
        return self.complete and self._keep_alive and not self.lost

    def start(self, payload: bytes) -> None:
        """Send a request; the previous answer must be complete."""
        if self.lost or self._transport is None:
            raise httpx.WriteError("the connection is closed")
        self._reset()
        self._transport.write(payload)

    async def wait_for_head(self, seconds: float | None) -> None:
        while not self._head_done:
            await self.wait(seconds)

    async def wait(self, seconds: float | None) -> None:
        """Return when something happened; raise if the connection failed.

        ``seconds`` of silence: httpx.ReadTimeout.
        """
        self._raise_failure()
        self._waiter = self._loop.create_future()
        self._watch(seconds)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._deadline = None
        if not self._body and not self.complete:
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def take(self) -> bytes:
        """All body bytes that have arrived and were not taken yet."""
        if not self._body:
            return b""
        body, self._body = self._body, []
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return body[0] if len(body) == 1 else b"".join(body)

    def _watch(self, seconds: float | None) -> None:
        # One timer outlives many short waits: re-arming it for every chunk would cost more than
        # parsing the chunk.
        if seconds is None:
            return
        self._deadline = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._expired)

    def _expired(self) -> None:
        self._timer = None
        if self._deadline is None or self.lost:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._expired)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(httpx.ReadTimeout("the server fell silent"))

    def close(self) -> None:
        """Drop the connection at once; the peer sees it closed."""
        self.lost = True
        self._stop_watching()
        if self._transport is not None:
            self._transport.abort()

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.complete or not data:
            # Bytes nobody asked for: the connection can no longer be trusted to be in step.
            self.close()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("the answer is not valid HTTP/1.1"))
        self._guard_head(len(data))
        self._guard_body()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._stop_watching()
        if self._head_done and not self.complete and exc is None and self._ends_with_connection():
            self.complete = True
        elif not self.complete:
            self._failure = self._failure or _broken(self.answered, exc)
        self._wake()

    # llhttp's callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            return
        self.status = status
        self._head_done = True
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        # Also called for the interim answers (1xx) that may come first.
        self.complete = self._head_done
        self.last_used = self._loop.time()

    def _guard_head(self, size: int) -> None:
        if self._head_done:
            return
        self._head_size += size
        if self._head_size > _MAX_HEAD:
            self._fail(httpx.RemoteProtocolError("the head of the answer does not end"))

    def _guard_body(self) -> None:
        if self._buffered > _PAUSE_AT and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _ends_with_connection(self) -> bool:
        names = {name.lower() for name, _ in self.headers}
        return not names & {b"content-length", b"transfer-encoding"}

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _broken(answered: bool, cause: Exception | None) -> httpx.TransportError:
    if cause is not None:
        return httpx.ReadError(f"the connection broke: {type(cause).__name__}")
    place = "in mid-answer" if answered else "without an answer"
    return httpx.RemoteProtocolError(f"the server closed the connection {place}")
