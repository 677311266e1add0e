"""A run's events as what an MCP client is told meanwhile: progress and log messages."""

import time
from dataclasses import dataclass
from typing import Literal

from runs.events.types import (
    AnyEvent,
    RunStarted,
    StepStarted,
    TextDelta,
    ToolCallFinished,
    ToolCallProgress,
    ToolCallStarted,
)

TEXT_SECONDS = 0.1
Level = Literal["debug", "info", "warning"]


@dataclass(frozen=True)
class Told:
    """One line for the client. `level` None: no log message, only progress."""

    message: str
    level: Level | None = None


class Narrator:
    """Pure but for the clock, which keeps text from being reported more than ten times a second."""

    def __init__(self) -> None:
        self._steps = 0
        self._characters = 0
        self._spoke_at = 0.0

    def tell(self, event: AnyEvent) -> Told | None:
        match event:
            case RunStarted(cause=cause):
                return Told("started" if cause == "start" else "continued", "info")
            case StepStarted():
                self._steps += 1
                return Told(f"step {self._steps}", "info")
            case ToolCallStarted(name=name):
                return Told(f"calling tool: {name}", "info")
            case ToolCallFinished(name=name, outcome=outcome):
                return Told(f"tool {name} {_OUTCOMES[outcome]}", _LEVELS.get(outcome, "info"))
            case ToolCallProgress(name=name, message=message) if message:
                return Told(f"{name}: {message}")
            case TextDelta(delta=delta):
                return self._text(delta)
        return None

    def _text(self, delta: str) -> Told | None:
        self._characters += len(delta)
        now = time.monotonic()
        if now - self._spoke_at < TEXT_SECONDS:
            return None
        self._spoke_at = now
        return Told(f"writing: {self._characters} characters")


_OUTCOMES = {
    "succeeded": "completed",
    "failed": "failed",
    "suspended": "waits for a decision",
    "cancelled": "was cancelled",
}
_LEVELS: dict[str, Level] = {"failed": "warning"}
