"""So many requests a minute for each key or address, and 429 in the words of the route."""

import os
from typing import Any

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import Client

from agentserver.access import throttling
from agentserver.access.throttling import LocalCounter, RedisCounter
from agentserver.core.api.answers import json_answer
from agentserver.core.errors import ApiError
from runs.api.views.runs import RunsView
from tests.access.conftest import bearer

pytestmark = pytest.mark.django_db
MIDDLEWARE = "agentserver.access.throttling.RateLimit"
MINUTE = 29_000_000 * 60.0


class Clock:
    def __init__(self) -> None:
        self.now = MINUTE

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(throttling, "time", made)
    return made


@pytest.fixture
def two_a_minute(settings: Any, clock: Clock) -> Clock:
    settings.AGENTSERVER_RATE_LIMIT = 2
    settings.REDIS_URL = ""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    return clock


def statuses(client: Client, times: int, path: str = "/v1/threads", **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def test_it_refuses_more_than_the_limit_until_the_next_minute(two_a_minute: Clock) -> None:
    client, two_a_minute.now = Client(headers=bearer("read")), MINUTE + 18

    assert statuses(client, 3) == [200, 200, 429]
    refused = client.get("/v1/threads")
    assert refused.headers["Retry-After"] == "43"
    assert refused.json()["code"] == "rate_limited"
    two_a_minute.now += 43
    assert statuses(client, 1) == [200]


def test_it_counts_each_key_by_itself(two_a_minute: Clock) -> None:
    first, second = Client(headers=bearer("read")), Client(headers=bearer("read"))

    assert statuses(first, 3) == [200, 200, 429]
    assert statuses(second, 1) == [200]


def test_it_counts_callers_without_a_valid_key_by_their_address(two_a_minute: Clock) -> None:
    client = Client()
    guesses = [f"Bearer as_{number}.x" for number in range(3)]

    found = [client.get("/v1/threads", headers={"authorization": it}) for it in guesses]

    assert [each.status_code for each in found] == [401, 401, 429]
    assert statuses(Client(REMOTE_ADDR="192.0.2.7"), 1) == [401]


def test_it_believes_a_proxy_only_when_told_to(two_a_minute: Clock, settings: Any) -> None:
    client = Client()
    assert statuses(client, 2, **{"x-forwarded-for": "192.0.2.1"}) == [401, 401]
    assert statuses(client, 1, **{"x-forwarded-for": "192.0.2.2"}) == [429]

    settings.TRUST_PROXY = True
    assert statuses(client, 1, **{"x-forwarded-for": "made-up, 192.0.2.3"}) == [401]
    assert statuses(client, 2, **{"x-forwarded-for": "other, 192.0.2.3"}) == [401, 429]


def test_it_lets_probes_through(two_a_minute: Clock) -> None:
    assert statuses(Client(), 4, "/health/live") == [200] * 4


def test_it_answers_in_the_dialect_of_the_route(
    two_a_minute: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
        return json_answer({"said": error.message}, status=error.status, headers=error.headers)

    monkeypatch.setattr(RunsView, "error_dialect", staticmethod(dialect))
    client = Client(headers=bearer("read"))
    statuses(client, 2)

    refused = client.get("/v1/runs")
    assert (refused.status_code, list(refused.json())) == (429, ["said"])
    assert "Retry-After" in refused.headers


def test_it_is_not_there_without_a_limit(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    assert statuses(Client(headers=bearer("read")), 5) == [200] * 5


def test_it_forgets_the_counts_of_earlier_minutes() -> None:
    counter = LocalCounter()
    assert [counter.add("a", 1), counter.add("a", 1), counter.add("b", 1)] == [1, 2, 1]
    assert counter.add("a", 2) == 1


@pytest.mark.leg("postgres")
def test_it_counts_in_redis_for_all_processes() -> None:
    url = os.environ["REDIS_URL"]
    caller = f"key:test-{os.getpid()}"
    assert [RedisCounter(url).add(caller, 7), RedisCounter(url).add(caller, 7)] == [1, 2]
    assert 0 < redis.Redis.from_url(url).ttl(f"agentserver:rate:7:{caller}") <= 120


def test_it_limits_nobody_while_redis_is_away(clock: Clock) -> None:
    counter = RedisCounter("redis://127.0.0.1:1/0")
    assert [counter.add("a", 1), counter.add("a", 1)] == [0, 0]
