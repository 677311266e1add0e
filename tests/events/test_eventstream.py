"""django-eventstream's channels over the log."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import AsyncRequestFactory, Client, override_settings
from django.urls import include, path
from django_eventstream.storage import EventDoesNotExist

from agentserver.core.sse import EventStreamResponse
from runs.events import eventstream_urls
from runs.events.changes import announce_change
from runs.events.eventstream import LogStorage
from runs.events.live import LiveChannel
from tests.events.samples import commit, make_run, whole_run
from threads.models import Thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIDDLEWARE = ("Session", "Authentication")
urlpatterns = [path("events/", include("runs.events.eventstream_urls"))]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("open_access"),
]


@pytest.fixture
def open_access(settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False
    settings.MIDDLEWARE = [f"agentserver.core.middleware.{name}" for name in MIDDLEWARE]


def names_only(request: HttpRequest, channel: str) -> bool:
    """An access rule for the tests: the header names the one channel that is allowed."""
    return request.headers.get("X-Allowed") == channel


class Listener:
    """An EventSource without HTTP: reads the frames the view sends."""

    def __init__(self, channel: str, **headers: str) -> None:
        self._channel = channel
        self._headers = headers
        self._text = ""
        self._parts: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> "Listener":
        request = AsyncRequestFactory().get("/events/", headers=self._headers)
        response = await sync_to_async(eventstream_urls.stream)(request, self._channel)
        assert isinstance(response, EventStreamResponse)
        self._parts = aiter(response)
        await self._until("event: stream-open")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()  # type: ignore[union-attr]

    async def _until(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self._text:
                assert self._parts is not None
                self._text += (await anext(self._parts)).decode()

    async def events(self, count: int) -> list[dict[str, str]]:
        """The first `count` events, each with ``event``, ``id`` and ``data``."""
        async with asyncio.timeout(20):
            while len(found := self._parsed()) < count:
                assert self._parts is not None
                self._text += (await anext(self._parts)).decode()
        return found

    def _parsed(self) -> list[dict[str, str]]:
        blocks = [block for block in self._text.split("\n\n")[:-1] if not block.startswith(":")]
        events = [dict(line.partition(": ")[::2] for line in b.split("\n")) for b in blocks]
        boring = {"stream-open", "keep-alive"}
        return [event for event in events if event.get("event") not in boring]


def test_it_resumes_a_run_and_follows_it(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(40)
    commit(run, records[:10])

    async def scenario() -> None:
        position = {"Last-Event-ID": f"run-{run.pk}:4"}
        async with Listener(f"run-{run.pk}", **position) as listener:
            assert len(await listener.events(6)) == 6
            live.publish(run.pk, run.thread_id, records[10:])
            events = await listener.events(36)
        assert [event["id"] for event in events] == [f"run-{run.pk}:{n}" for n in range(5, 41)]
        assert [event["event"] for event in events][-1] == "run_finished"
        assert [json.loads(event["data"]) for event in events] == [r.dump() for r in records[4:]]

    async_to_sync(scenario)()


def test_it_feeds_two_listeners_of_a_run_alike(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(30)

    async def scenario() -> None:
        name = f"run-{run.pk}"
        async with Listener(name) as first, Listener(name) as second:
            live.publish(run.pk, run.thread_id, records)
            assert await first.events(30) == await second.events(30)

    async_to_sync(scenario)()


def test_it_follows_a_thread_into_its_next_run(live: LiveChannel) -> None:
    thread = Thread.objects.create()
    first = make_run(turn=1, thread=thread)
    commit(first, whole_run(3), done=True)

    def next_run() -> None:
        second = make_run(turn=2, thread=thread)
        commit(second, whole_run(4), done=True)
        live.notify_thread(thread.pk, {"run_id": second.pk, "turn": 2})

    async def scenario() -> None:
        position = {"Last-Event-ID": f"thread-{thread.pk}:0"}
        async with Listener(f"thread-{thread.pk}", **position) as listener:
            assert len(await listener.events(3)) == 3
            await sync_to_async(next_run)()
            events = await listener.events(7)
        numbers = [int(event["id"].rpartition(":")[2]) for event in events]
        assert [divmod(number, 2**32) for number in numbers] == [
            *((1, seq) for seq in (1, 2, 3)),
            *((2, seq) for seq in (1, 2, 3, 4)),
        ]

    async_to_sync(scenario)()


def test_it_tells_live_pages_what_changed(live: LiveChannel) -> None:
    async def scenario() -> None:
        async with Listener("runs") as listener:
            waiting = asyncio.create_task(listener.events(1))
            while not waiting.done():
                # The feed subscribes while the stream opens; a notice before that is not kept.
                announce_change("threads", "t1")
                announce_change("runs", "r1", status="done")
                await asyncio.wait([waiting], timeout=0.05)
            event = (await waiting)[0]
        assert event["event"] == "changed"
        assert json.loads(event["data"]) == {"channel": "runs", "id": "r1", "status": "done"}

    async_to_sync(scenario)()


def test_it_makes_a_client_start_over_at_a_position_that_is_gone(live: LiveChannel) -> None:
    run = make_run()
    commit(run, whole_run(5), done=True)
    with pytest.raises(EventDoesNotExist) as raised:
        LogStorage().get_events(f"run-{run.pk}", 99)
    assert raised.value.current_id == 5


def refused(
    path_: str, client: Client | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    response = (client or Client()).get(path_, headers=headers)
    return response.status_code, response.headers["Content-Type"]


@pytest.mark.parametrize(
    ("path_", "status"),
    [
        ("/events/", 400),
        ("/events/?" + "&".join(f"channel=c{n}" for n in range(11)), 400),
        ("/events/run-unknown", 404),
        ("/events/nonsense", 404),
        ("/events/runs?es-meta=x", 400),
        ("/events/runs?lastEventId=runs:abc", 400),
        ("/events/runs?lastEventId=error", 400),
    ],
)
def test_it_refuses_what_it_cannot_serve(path_: str, status: int) -> None:
    assert refused(path_) == (status, "application/json")


@override_settings(AGENTSERVER_REQUIRE_KEYS=True)
def test_it_refuses_strangers_where_keys_are_required() -> None:
    run = make_run()
    assert refused(f"/events/run-{run.pk}")[0] == 401
    assert refused("/events/run-unknown")[0] == 401
    client = Client()
    client.force_login(User.objects.create_user("visitor"))
    assert refused("/events/runs", client)[0] == 403


@override_settings(AGENTSERVER_REQUIRE_KEYS=True)
def test_it_lets_staff_in() -> None:
    client = Client()
    client.force_login(User.objects.create_user("operator", is_staff=True))
    response = client.get("/events/runs")
    assert response.headers["Content-Type"] == "text/event-stream"
    response.close()


@override_settings(AGENTSERVER_EVENTS_ACCESS=f"{__name__}.names_only")
def test_it_asks_the_access_rule_for_every_channel() -> None:
    allowed = {"X-Allowed": "runs"}
    response = Client().get("/events/runs", headers=allowed)
    assert response.status_code == 200
    response.close()
    assert refused("/events/?channel=runs&channel=threads", headers=allowed)[0] == 401
