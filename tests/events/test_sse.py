"""Frames, and the response that streams them under ASGI and WSGI."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.http import HttpRequest
from django.test import override_settings
from django.urls import path

from agentserver.core import sse
from agentserver.core.sse import EventStreamResponse, frame


class Source:
    """Frames on demand; knows whether it was closed, and in how many tasks it ran."""

    def __init__(self, *items: bytes | None, endless: bool = False) -> None:
        self.closed = threading.Event()
        self.tasks: set[Any] = set()
        self._items = items
        self._endless = endless

    async def stream(self) -> AsyncIterator[bytes | None]:
        try:
            for item in self._items:
                self.tasks.add(asyncio.current_task())
                yield item
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"data": b"{}"}, b"data: {}\n\n"),
        ({"data": "é"}, "data: é\n\n".encode()),
        ({"data": ""}, b"data: \n\n"),
        ({"data": "a\nb"}, b"data: a\ndata: b\n\n"),
        ({"data": "a\r\nb\rc"}, b"data: a\ndata: b\ndata: c\n\n"),
        ({"data": b"x", "event": "e", "id": "7-ab"}, b"id: 7-ab\nevent: e\ndata: x\n\n"),
    ],
)
def test_it_writes_frames(arguments: dict[str, Any], expected: bytes) -> None:
    assert frame(**arguments) == expected


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_it_refuses_ids_and_names_that_break_the_frame(bad: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        frame(b"x", id=bad)
    with pytest.raises(ValueError, match="one line"):
        frame(b"x", event=bad)


async def collected(response: EventStreamResponse) -> list[bytes]:
    return [part async for part in response]


def test_it_streams_frames_and_heartbeats() -> None:
    source = Source(frame(b"1"), None, frame(b"2"))
    response = EventStreamResponse(source.stream())
    expected = [b"data: 1\n\n", b": heartbeat\n\n", b"data: 2\n\n"]
    assert async_to_sync(collected)(response) == expected
    assert source.closed.is_set()


def test_it_sends_the_headers_of_an_event_stream() -> None:
    response = EventStreamResponse(Source().stream(), headers={"X-Run-Id": "r"}, status=201)
    assert response.status_code == 201
    assert dict(response.items()) == {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
        "X-Run-Id": "r",
    }


@pytest.mark.parametrize(("version", "expected"), [("1.1", "keep-alive"), ("2", None)])
def test_it_keeps_the_connection_alive_where_that_may_be_said(
    version: str, expected: str | None
) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "http_version": version}
    request = ASGIRequest(scope, BytesIO())
    response = EventStreamResponse(Source().stream(), request=request)
    assert response.get("Connection") == expected
    assert "Connection" not in EventStreamResponse(Source().stream(), request=HttpRequest())


def test_it_closes_its_source_when_the_reader_goes_away() -> None:
    source = Source(b"1", endless=True)

    async def scenario() -> None:
        parts = aiter(EventStreamResponse(source.stream()))
        assert await anext(parts) == b"1"
        await parts.aclose()

    async_to_sync(scenario)()
    assert source.closed.is_set()


def test_it_ends_after_its_longest_time() -> None:
    source = Source(b"1", b"2")
    response = EventStreamResponse(source.stream(), max_seconds=0)
    assert async_to_sync(collected)(response) == [b"1"]
    assert source.closed.is_set()


@pytest.fixture
def gauge() -> Iterator[list[int]]:
    changes: list[int] = []
    opened, closed = (lambda: changes.append(1)), (lambda: changes.append(-1))
    sse.on_open.append(opened)
    sse.on_close.append(closed)
    yield changes
    sse.on_open.remove(opened)
    sse.on_close.remove(closed)


def test_it_counts_open_streams(gauge: list[int]) -> None:
    async def scenario() -> None:
        parts = aiter(EventStreamResponse(Source(b"1", b"2").stream()))
        await anext(parts)
        assert gauge == [1]
        await parts.aclose()
        assert gauge == [1, -1]

    EventStreamResponse(Source().stream())
    async_to_sync(scenario)()
    assert gauge == [1, -1]


def test_it_passes_an_error_of_its_source_on() -> None:
    async def broken() -> AsyncIterator[bytes | None]:
        yield b"1"
        raise LookupError("no")

    parts = iter(EventStreamResponse(broken()))
    assert next(parts) == b"1"
    with pytest.raises(LookupError):
        next(parts)


def test_it_streams_frame_by_frame_to_a_synchronous_reader() -> None:
    source = Source(b"1", None, endless=True)
    response = EventStreamResponse(source.stream())
    parts = iter(response)
    assert [next(parts), next(parts)] == [b"1", sse.HEARTBEAT]
    assert not source.closed.is_set()
    response.close()
    assert source.closed.wait(5)
    assert len(source.tasks) == 1


def test_it_holds_the_source_back_when_a_synchronous_reader_is_slow() -> None:
    source = Source(*[b"x"] * 1000)
    seen = 0

    async def counted() -> AsyncIterator[bytes | None]:
        nonlocal seen
        async for item in source.stream():
            seen += 1
            yield item

    response = EventStreamResponse(counted())
    parts = iter(response)
    next(parts)
    assert seen <= sse._BRIDGED_FRAMES + 2
    assert len(list(parts)) == 999


def test_it_gives_its_whole_content_to_a_synchronous_caller() -> None:
    assert EventStreamResponse(Source(b"1", b"2").stream()).getvalue() == b"12"


VIEW_SOURCE = Source(frame(b"1"), None, frame(b"2"))


def view(request: HttpRequest) -> EventStreamResponse:
    return EventStreamResponse(VIEW_SOURCE.stream(), request=request)


urlpatterns = [path("stream", view)]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
def test_it_is_a_valid_wsgi_response() -> None:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ |= {"PATH_INFO": "/stream", "HTTP_HOST": "testserver", "QUERY_STRING": ""}
    statuses: list[str] = []

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        statuses.append(status)
        return lambda _: None

    body: Any = validator(WSGIHandler())(environ, start)
    content = b"".join(body)
    body.close()
    assert statuses == ["200 OK"]
    assert content == b"data: 1\n\n: heartbeat\n\ndata: 2\n\n"


@pytest.mark.django_db(transaction=True)
def test_it_gives_the_database_connection_back_before_it_streams() -> None:
    connections["default"].ensure_connection()
    EventStreamResponse(Source().stream())
    assert connections["default"].connection is None


@pytest.mark.django_db
def test_it_leaves_an_open_transaction_alone() -> None:
    assert connections["default"].in_atomic_block
    EventStreamResponse(Source().stream())
    assert connections["default"].connection is not None
