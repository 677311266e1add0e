import threading
from collections.abc import Iterator

import pytest
from django.test import Client

from agentserver.core.api import health
from tests.api.conftest import JsonClient


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail() -> None:
        raise ConnectionError("password=hunter2")

    with monkeypatch.context() as patch:
        patch.setitem(health.checks._checks, "broker", fail)
        yield


@pytest.mark.django_db
def test_it_is_healthy_when_everything_answers(api: JsonClient) -> None:
    answer = api.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert answer.json()["components"]["store"] == "ok"
    assert answer.json()["components"]["runtime"] == "ok"


@pytest.mark.django_db
def test_it_is_503_when_a_component_fails(api: JsonClient, broken: None) -> None:
    answer = api.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert answer.json()["components"]["broker"] == "error"
    assert b"hunter2" not in answer.content


def test_it_reports_a_hanging_component_and_starts_it_only_once() -> None:
    release = threading.Event()
    starts: list[int] = []

    def hang() -> None:
        starts.append(1)
        release.wait(10)

    checks = health.Checks()
    checks.register("slow", hang)
    try:
        assert checks.verdicts(cap=0.01) == {"slow": "timeout"}
        assert checks.verdicts(cap=0.01) == {"slow": "timeout"}
        assert len(starts) == 1
    finally:
        release.set()


def test_it_is_alive_without_database_or_key(broken: None) -> None:
    # No django_db: a query would fail the test.
    answer = Client().get("/health/live")
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.django_db
def test_it_tells_strangers_about_health() -> None:
    assert Client().get("/health").status_code == 200
