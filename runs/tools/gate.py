"""The one way out of a running call: events in order, bounded, and none after its end."""

import threading
from collections.abc import Callable
from typing import Literal

from runs.events.types import Event
from runs.tools.errors import ToolError

MAX_EVENTS = 10_000
MAX_CHARACTERS = 8 * 1024 * 1024

Emit = Callable[[Event], None]


class Gate:
    """Guards the sink of one execution, and decides between its result and its abandonment.

    open → closed: the call was given up (timeout, cancellation) or has ended. open → committing →
    closed: a transactional call is writing its result and can no longer be given up. `lock` is held
    while the sink runs, so nothing is emitted once `close` or `abandon` has returned.
    """

    def __init__(self, emit: Emit) -> None:
        self.lock = threading.RLock()
        self._emit = emit
        self._phase: Literal["open", "committing", "closed"] = "open"
        self._events = 0
        self._characters = 0

    @property
    def is_closed(self) -> bool:
        return self._phase == "closed"

    def send(self, event: Event, characters: int, *, optional: bool = False) -> None:
        """Emit, or drop after the end. Beyond the budget `optional` events are dropped as well and
        others raise `ToolError`: the log of a run is kept, so it has to stay bounded."""
        with self.lock:
            if self._phase == "closed":
                return
            if self._events >= MAX_EVENTS or self._characters + characters > MAX_CHARACTERS:
                if optional:
                    return
                raise ToolError("the tool produced more events than a run may keep")
            self._events += 1
            self._characters += characters
            self._emit(event)

    def begin_commit(self) -> bool:
        """Claim the right to record the result; False when the call was given up before."""
        with self.lock:
            if self._phase == "open":
                self._phase = "committing"
            return self._phase == "committing"

    def abandon(self) -> bool:
        """Give the call up; False when its result is being committed and has to be awaited."""
        with self.lock:
            if self._phase == "open":
                self._phase = "closed"
            return self._phase == "closed"

    def close(self) -> None:
        with self.lock:
            self._phase = "closed"
