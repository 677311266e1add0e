"""A model endpoint on loopback (OpenAI chat completions): ``python -m benchmarks.model``.

Answers every request with the same stream: one delta at once and one more each 10 ms. The upstream
model ``patient`` never answers. Prints its port.
"""

import asyncio
import json
import sys
from itertools import chain
from typing import Any, Final, cast

import uvloop

from benchmarks.shape import DELTA_COUNT, DELTA_MS, DELTA_TEXT

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LAST_CHUNK: Final = b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _frame(choices: list[dict[str, Any]], **more: Any) -> bytes:
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fast"}
    return _chunk(b"data: %s\n\n" % json.dumps({**body, "choices": choices, **more}).encode())


def _delta(delta: dict[str, str], finish: str | None = None) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


_DELTA: Final = _frame(_delta({"content": DELTA_TEXT}))
_FIRST: Final = _HEAD + _frame(_delta({"role": "assistant", "content": DELTA_TEXT}))
_USAGE: Final = {"prompt_tokens": 10, "completion_tokens": DELTA_COUNT, "total_tokens": 60}
_END: Final = b"".join(
    chain(
        [_frame(_delta({}, "stop")), _frame([], usage=_USAGE)],
        [_chunk(b"data: [DONE]\n\n"), _LAST_CHUNK],
    )
)


class Endpoint(asyncio.Protocol):
    """One connection, kept alive; one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if blank and len(body) >= _content_length(head):
            self._received = b""
            if b'"patient"' not in body:
                self._write(_FIRST)
                self._later(self._loop.time(), 1)

    def _later(self, began: float, sent: int) -> None:
        at = began + sent * DELTA_MS / 1000
        self._loop.call_at(at, self._go_on, began, sent)

    def _go_on(self, began: float, sent: int) -> None:
        if sent == DELTA_COUNT - 1:
            self._write(_DELTA + _END)
        else:
            self._write(_DELTA)
            self._later(began, sent + 1)

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Endpoint, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"listening on {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
