"""How requests use threads and connections under ASGI."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import path

from agentserver.core.asgi_handler import Handler
from agentserver.core.sse import EventStreamResponse

seen: dict[str, Any] = {}


async def endless() -> AsyncIterator[bytes]:
    try:
        yield b"data: 1\n\n"
        await asyncio.Event().wait()
    finally:
        seen["closed"] = True


def stream(request: HttpRequest) -> EventStreamResponse:
    seen["thread"] = threading.current_thread()
    return EventStreamResponse(endless())


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("no")


urlpatterns = [path("stream", stream), path("plain", plain), path("broken", broken)]


class Exchange:
    """One request over ASGI; `gone` is set to hang up."""

    def __init__(self, url: str) -> None:
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": url,
            "raw_path": url.encode(),
            "query_string": b"",
            "headers": [(b"host", b"testserver")],
        }
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.spoke = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b""}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.spoke.set()

    async def run(self) -> None:
        await Handler()(self.scope, self.receive, self.send)


pytestmark = pytest.mark.urls("tests.api.test_asgi_handler")


def test_it_answers_from_a_thread_that_requests_share() -> None:
    async def twice() -> list[bytes]:
        names = []
        for _ in range(2):
            exchange = Exchange("/plain")
            await exchange.run()
            names.append(exchange.sent[1]["body"])
        return names

    first, second = async_to_sync(twice)()
    assert first.startswith(b"view")
    assert first == second


def test_it_closes_a_stream_whose_client_hangs_up() -> None:
    async def hang_up() -> None:
        exchange = Exchange("/stream")
        running = asyncio.ensure_future(exchange.run())
        await exchange.spoke.wait()
        exchange.gone.set()
        await asyncio.wait_for(running, 5)

    seen.clear()
    async_to_sync(hang_up)()
    assert seen["closed"]


def test_it_holds_no_thread_while_it_streams() -> None:
    async def beside() -> bytes:
        streaming = Exchange("/stream")
        running = asyncio.ensure_future(streaming.run())
        await streaming.spoke.wait()
        plain_one = Exchange("/plain")
        await plain_one.run()
        streaming.gone.set()
        await running
        return plain_one.sent[1]["body"]  # type: ignore[no-any-return]

    seen.clear()
    assert async_to_sync(beside)() == seen["thread"].name.encode()


def test_it_answers_500_when_a_view_raises(caplog: pytest.LogCaptureFixture) -> None:
    exchange_of: list[Exchange] = []

    async def once() -> None:
        exchange_of.append(Exchange("/broken"))
        await exchange_of[0].run()

    async_to_sync(once)()
    assert exchange_of[0].sent[0]["status"] == 500
