from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from prometheus_client.core import GaugeMetricFamily, Metric

from agentserver.access.keys import verified
from agentserver.telemetry import collectors
from tests.access.conftest import bearer
from tests.telemetry.samples import scraped

pytestmark = [pytest.mark.urls("tests.telemetry.urls_metrics"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def closed_server(settings: Any) -> Iterator[None]:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    settings.AGENTSERVER_METRICS_PUBLIC = False
    verified.clear()
    yield
    verified.clear()


@pytest.fixture
def open_server(settings: Any, closed_server: None) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> collectors.Collectors:
    """May be added to: the test's own are gone after it."""
    everything = collectors.collectors
    monkeypatch.setattr(everything, "_sources", dict(everything._sources))
    return everything


def get(**headers: str) -> Any:
    return Client().get("/metrics", headers=headers)


def test_it_answers_in_the_text_format(open_server: None) -> None:
    answer = get()

    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# TYPE agentserver_runs_total counter" in answer.content


def test_it_answers_a_key_that_may_read() -> None:
    assert get(**bearer("read")).status_code == 200


def test_it_refuses_a_caller_without_key() -> None:
    assert get().status_code == 401


def test_it_refuses_a_key_that_may_not_read() -> None:
    assert get(**bearer("run")).status_code == 403


def test_it_refuses_a_key_that_is_bound_to_a_resource() -> None:
    assert get(**bearer("read", resource_id="alice")).status_code == 403


def test_it_answers_anybody_when_the_setting_says_so(settings: Any) -> None:
    settings.AGENTSERVER_METRICS_PUBLIC = True

    assert get().status_code == 200


def test_it_shows_what_an_app_counts_at_the_time(
    open_server: None, sources: collectors.Collectors
) -> None:
    numbers = iter([1.0, 2.0])
    sources.register("good", lambda: [GaugeMetricFamily("test_level", "t", value=next(numbers))])

    first, second = scraped(get().content.decode()), scraped(get().content.decode())

    assert (first["test_level", ()], second["test_level", ()]) == (1.0, 2.0)


def test_it_leaves_a_failing_source_out_and_says_so(
    open_server: None, sources: collectors.Collectors
) -> None:
    def fail() -> Iterator[Metric]:
        yield GaugeMetricFamily("test_half", "never shown", value=1)
        raise ConnectionError("password=hunter2")

    sources.register("bad", fail)
    answer = get()
    samples = scraped(answer.content.decode())

    assert samples["agentserver_scrape_failed", (("source", "bad"),)] == 1
    assert samples["agentserver_scrape_failed", (("source", "runs"),)] == 0
    assert ("test_half", ()) not in samples
    assert b"hunter2" not in answer.content
