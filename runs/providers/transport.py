"""An httpx transport for many long, slow streams.

httpx's own transport spends about 80 microseconds of CPU on every arriving chunk, most of it in
pure-Python HTTP parsing; a stream of 50 deltas costs 5 ms before anybody has looked at it. This
one hands the socket's bytes straight to llhttp (httptools) and wakes the reader once: about a
quarter of that. HTTP/1.1 over TCP or TLS, keep-alive, no proxies.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from typing import Final

import httpx

from runs.providers.wire import ExchangeProtocol

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_IDLE: Final = 100
_MAX_IDLE_SECONDS: Final = 30.0

Origin = tuple[str, str, int]


class StreamingTransport(httpx.AsyncBaseTransport):
    """Connections are bound to the event loop they were made on; use one transport per loop.

    Raises httpx's exceptions: ConnectError, ConnectTimeout, ReadTimeout, ReadError, WriteError,
    RemoteProtocolError. A request is repeated once, on a fresh connection, when a kept-alive one
    turns out to be dead before a single byte of the answer.
    """

    def __init__(self) -> None:
        self._idle: dict[Origin, list[ExchangeProtocol]] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = _origin(request.url)
        timeouts = request.extensions.get("timeout", {})
        payload = _head(request) + await request.aread()
        reused = self._take(origin)
        if reused is not None:
            try:
                return await self._exchange(origin, reused, payload, timeouts)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if reused.answered:
                    raise
        fresh = await self._connect(origin, timeouts.get("connect"))
        return await self._exchange(origin, fresh, payload, timeouts)

    async def aclose(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _exchange(
        self,
        origin: Origin,
        connection: ExchangeProtocol,
        payload: bytes,
        timeouts: dict[str, float | None],
    ) -> httpx.Response:
        read = timeouts.get("read")
        try:
            connection.start(payload)
            await connection.wait_for_head(read)
        except BaseException:
            connection.close()
            raise
        return httpx.Response(
            connection.status,
            headers=connection.headers,
            stream=_Body(connection, read, lambda: self._give_back(origin, connection)),
        )

    async def _connect(self, origin: Origin, seconds: float | None) -> ExchangeProtocol:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, protocol = await loop.create_connection(
                    ExchangeProtocol, host, port, ssl=self._tls if scheme == "https" else None
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"connecting to {host}:{port} took too long") from error
        except OSError as error:
            raise httpx.ConnectError(f"cannot connect to {host}:{port}") from error
        return protocol

    def _take(self, origin: Origin) -> ExchangeProtocol | None:
        connections = self._idle.get(origin, [])
        oldest = asyncio.get_running_loop().time() - _MAX_IDLE_SECONDS
        while connections:
            connection = connections.pop()
            if not connection.lost and connection.last_used > oldest:
                return connection
            connection.close()
        return None

    def _give_back(self, origin: Origin, connection: ExchangeProtocol) -> None:
        connections = self._idle.setdefault(origin, [])
        connections[:] = [kept for kept in connections if not kept.lost]
        if connection.reusable and len(connections) < _MAX_IDLE:
            connections.append(connection)
        else:
            connection.close()


class _Body(httpx.AsyncByteStream):
    """The body of one answer; closing it early closes the connection, which is how we cancel."""

    def __init__(
        self, connection: ExchangeProtocol, timeout: float | None, release: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._release = release
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection = self._connection
        while not self._closed:
            if chunk := connection.take():
                yield chunk
            elif connection.complete:
                return
            else:
                await connection.wait(self._timeout)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()


def _origin(url: httpx.URL) -> Origin:
    if url.scheme not in _DEFAULT_PORTS:
        raise httpx.UnsupportedProtocol(f"cannot speak {url.scheme or 'no protocol'}")
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]


def _head(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx.LocalProtocolError("a header of the request holds a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n"
