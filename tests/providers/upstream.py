"""A scriptable model endpoint on loopback, over bare asyncio streams."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class WatchedReader(asyncio.StreamReader):
    """A reader that tells when the peer has gone, also while nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.ended.set()


class Exchange:
    """The answering side of one request."""

    def __init__(self, writer: asyncio.StreamWriter, client_left: asyncio.Event) -> None:
        self._writer = writer
        self.client_left = client_left

    async def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer with a length."""
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()

    async def error(self, status: int, message: str, **headers: str) -> None:
        body = orjson.dumps({"error": {"message": message, "type": "x", "code": None}})
        await self.answer(status, body, content_type="application/json", **headers)

    def begin(self) -> None:
        """The head of a chunked event stream."""
        self._writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    async def send(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self._writer.drain()

    async def finish(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def cut(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()

    async def events(self, *payloads: object, name: bool = False) -> None:
        """Each payload as one event; strings are sent as they are."""
        for payload in payloads:
            data = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
            head = b""
            if name and isinstance(payload, dict):
                head = b"event: %s\n" % str(payload["type"]).encode()
            await self.send(head + b"data: " + data + b"\n\n")

    async def stream(self, *payloads: object, name: bool = False) -> None:
        """A complete event stream."""
        self.begin()
        await self.events(*payloads, name=name)
        await self.finish()


Handler = Callable[[Received, Exchange], Awaitable[None]]


@dataclass
class Upstream:
    """A running endpoint; ``handlers`` answer in order, the last one from then on."""

    handlers: list[Handler]
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: WatchedReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (received := await _read(reader)) is not None:
                self.requests.append(received)
                handler = self.handlers[min(len(self.requests), len(self.handlers)) - 1]
                await handler(received, Exchange(writer, reader.ended))
        except ConnectionError:
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(head[0].split(" ")[1], headers, orjson.loads(body) if body else {})


@asynccontextmanager
async def upstream(
    *handlers: Handler, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """An endpoint on a free port of the running loop."""
    running = Upstream(list(handlers))
    tasks: set[asyncio.Task[None]] = set()

    def protocol() -> asyncio.StreamReaderProtocol:
        reader = WatchedReader()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(running.serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        return asyncio.StreamReaderProtocol(reader, accept)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    running.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield running
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
