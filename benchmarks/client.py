"""A cheap HTTP/1.1 client for event streams: one protocol object per connection, no parser.

It shares the machine with the servers it measures, so it does as little as possible while a stream
runs, and looks at what it received afterwards.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

_LAST_CHUNK: Final = b"0\r\n\r\n"


class BrokenStreamError(Exception):
    """The connection ended in the middle of an answer, or the answer was no stream."""


@dataclass
class Answer:
    """Moments are ``time.perf_counter`` seconds; `first_delta_at` is 0 when there was none."""

    sent_at: float
    first_event_at: float = 0.0
    first_delta_at: float = 0.0
    ended_at: float = 0.0
    status: int = 0
    body: bytes = b""


class Connection(asyncio.Protocol):
    """A kept-alive connection with one request at a time. `marker` is in the first delta."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._answer: Answer | None = None
        self._begun: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[Answer] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    async def fetch(self, request: bytes) -> Answer:
        """Sends the request and reads its answer to the end."""
        ended = self._send(request)
        return await ended

    async def open(self, request: bytes) -> None:
        """Sends the request and returns when the answer has begun."""
        self._send(request)
        if self._begun:
            await self._begun

    def _send(self, request: bytes) -> asyncio.Future[Answer]:
        if not self._transport:
            raise BrokenStreamError("not connected")
        loop = asyncio.get_running_loop()
        self._parts = []
        self._begun, self._ended = loop.create_future(), loop.create_future()
        self._answer = Answer(sent_at=time.perf_counter())
        self._transport.write(request)
        return self._ended

    # --- asyncio.Protocol ------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for waiting in (self._begun, self._ended):
            if waiting and not waiting.done():
                waiting.set_exception(BrokenStreamError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            return
        self._parts.append(data)
        if not answer.first_delta_at:
            self._note_beginning(answer, data)
        if data.endswith(_LAST_CHUNK):
            self._finish(answer)

    def _note_beginning(self, answer: Answer, data: bytes) -> None:
        at = time.perf_counter()
        if self._begun and not self._begun.done():
            self._begun.set_result(None)
        if not answer.first_event_at and b"data:" in data:
            answer.first_event_at = at
        if self._marker in data:
            answer.first_delta_at = at

    def _finish(self, answer: Answer) -> None:
        answer.ended_at = time.perf_counter()
        received = b"".join(self._parts)
        answer.status = int(received[9:12])
        answer.body = received.partition(b"\r\n\r\n")[2]
        self._answer = None
        if self._ended and not self._ended.done():
            self._ended.set_result(answer)


async def connect(host: str, port: int, *, marker: bytes) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(marker), host, port)
    return connection


def request(
    method: str,
    path: str,
    *,
    host: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"host: {host}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
