from typing import Any

import pytest
from kombu.exceptions import OperationalError

from agentserver import celery
from agentserver.core.api.health import Checks, checks
from agentserver.core.errors import Unavailable
from runs import health
from runs.events import live
from runs.events.live.redis import RedisChannel
from tests.processes import free_port


@pytest.fixture
def nowhere() -> str:
    """The address of a Redis that is not there."""
    return f"redis://127.0.0.1:{free_port()}/0"


def test_it_finds_a_working_broker_and_live_channel() -> None:
    both = Checks()
    both.register("broker", health.broker_answers)
    both.register("live_channel", health.live_channel_answers)

    assert both.verdicts() == {"broker": "ok", "live_channel": "ok"}


def test_it_reports_a_broker_that_is_gone(nowhere: str) -> None:
    settings: Any = celery.app.conf
    original = settings.broker_url
    settings.broker_url = nowhere
    try:
        with pytest.raises(OperationalError):
            health.broker_answers()
    finally:
        settings.broker_url = original


def test_it_reports_a_live_channel_that_is_gone(nowhere: str) -> None:
    live.reset(RedisChannel(nowhere))
    try:
        with pytest.raises(Unavailable):
            health.live_channel_answers()
    finally:
        live.reset()


@pytest.mark.django_db
def test_it_registers_both_with_the_server() -> None:
    assert {"store", "broker", "live_channel"} <= set(checks.verdicts())
