"""The live channel in both forms, whatever the leg of the suite."""

from collections.abc import Iterator

import pytest

from runs.events import live as live_package
from runs.events.live import LiveChannel
from runs.events.live.memory import MemoryChannel
from runs.events.live.redis import RedisChannel
from tests import services


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with services.redis() as url:
        yield url


@pytest.fixture
def redis_channel(redis_url: str) -> Iterator[RedisChannel]:
    channel = RedisChannel(redis_url)
    live_package.reset(channel)
    yield channel
    live_package.reset()


@pytest.fixture
def memory_channel() -> Iterator[MemoryChannel]:
    channel = MemoryChannel()
    live_package.reset(channel)
    yield channel
    live_package.reset()


@pytest.fixture(params=["memory", "redis"])
def live(request: pytest.FixtureRequest) -> LiveChannel:
    """The channel of this process, in both implementations."""
    channel: LiveChannel = request.getfixturevalue(f"{request.param}_channel")
    return channel
