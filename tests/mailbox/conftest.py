"""The queue without an engine: tests play the workers themselves."""

from collections.abc import Iterator
from typing import Any

import pytest

from runs import dispatch
from runs.events import live


@pytest.fixture(autouse=True)
def woken(db: Any) -> Iterator[list[None]]:
    """One entry for each time a worker was woken; nobody works by itself."""
    calls: list[None] = []
    live.reset()
    dispatch.set_local_worker(lambda: calls.append(None))
    yield calls
    dispatch.set_local_worker(None)
    live.reset()
