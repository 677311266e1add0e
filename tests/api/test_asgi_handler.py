"""How requests use threads and connections under ASGI."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import path

from agentserver.core import asgi_handler
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
    return EventStreamResponse(endless())


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("no")


urlpatterns = [path("stream", stream), path("plain", plain), path("broken", broken)]


class Exchange:
    """One request over ASGI; `gone` is set to hang up."""

    def __init__(self, url: str, **headers: str) -> None:
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": url,
            "raw_path": url.encode(),
            "query_string": b"",
            "headers": [
                (name.encode(), value.encode())
                for name, value in {"host": "testserver", **headers}.items()
            ],
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


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All views share a single thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="view") as pool:
        monkeypatch.setattr(asgi_handler, "_threads", pool)
        yield


@pytest.mark.usefixtures("one_thread")
def test_it_answers_from_a_thread_that_requests_share() -> None:
    async def twice() -> list[bytes]:
        exchanges = [Exchange("/plain") for _ in range(2)]
        await asyncio.gather(*(exchange.run() for exchange in exchanges))
        return [exchange.sent[1]["body"] for exchange in exchanges]

    assert async_to_sync(twice)() == [b"view_0"] * 2


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


@pytest.mark.usefixtures("one_thread")
def test_it_holds_no_thread_while_it_streams() -> None:
    async def beside() -> bytes:
        streaming, plain_one = Exchange("/stream"), Exchange("/plain")
        running = asyncio.ensure_future(streaming.run())
        await streaming.spoke.wait()
        await asyncio.wait_for(plain_one.run(), 5)
        streaming.gone.set()
        await running
        return plain_one.sent[1]["body"]  # type: ignore[no-any-return]

    assert async_to_sync(beside)() == b"view_0"


def test_it_answers_500_when_a_view_raises(caplog: pytest.LogCaptureFixture) -> None:
    exchange_of: list[Exchange] = []

    async def once() -> None:
        exchange_of.append(Exchange("/broken"))
        await exchange_of[0].run()

    async_to_sync(once)()
    assert exchange_of[0].sent[0]["status"] == 500


@pytest.mark.parametrize(
    ("headers", "status", "size"),
    [({}, 200, 100), ({"range": "bytes=0-9"}, 206, 10), ({"range": "bytes=200-300"}, 416, 0)],
)
def test_it_sends_static_files_without_a_warning(
    headers: dict[str, str], status: int, size: int, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "a.css").write_text("x" * 100)
    settings.STATIC_ROOT, settings.WHITENOISE_AUTOREFRESH = str(tmp_path), True
    exchange = Exchange("/static/a.css", **headers)
    async_to_sync(exchange.run)()
    start, *bodies = exchange.sent
    assert start["status"] == status
    assert sum(len(each["body"]) for each in bodies) == size
    assert (b"Content-Type", b'text/css; charset="utf-8"') in start["headers"] or size != 100
