"""The engine in this process, on the database and the live channel of the leg."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from config import registry
from runs.events import live
from runs.tools import Tool
from runs.tools.decorator import build_tool
from runs.tools.registry import registered
from tests.engine.lab import Lab, Pace

SWEEP_SECONDS = 0.05


@pytest.fixture
def lab(transactional_db: None, settings: Any) -> Iterator[Lab]:
    """Agents can be published; nothing runs before `Lab.start`."""
    settings.AGENTSERVER_SWEEP_SECONDS = SWEEP_SECONDS
    registry.forget()
    live.reset()
    made = Lab()
    yield made
    made.stop()
    live.reset()
    registry.forget()


@pytest.fixture
def engine(lab: Lab) -> Lab:
    lab.start()
    return lab


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    return Pace(monkeypatch)


Offer = Callable[..., Tool]


@pytest.fixture
def offer() -> Iterator[Offer]:
    """Registers a function as a tool for the length of the test."""
    with ExitStack() as stack:

        def add(function: Callable[..., object], **options: object) -> Tool:
            tool = build_tool(function, **options)  # type: ignore[arg-type]
            stack.enter_context(registered(tool))
            return tool

        yield add
