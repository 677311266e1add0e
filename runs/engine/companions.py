"""Work of other apps that lives in every worker process beside the engine.

Delivering webhooks and keeping connections to MCP servers are such work: long-lived coroutines on
the engine's loop, started and stopped with it. An app registers its own in ``AppConfig.ready``.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

logger = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0

_factories: "dict[str, Companion]" = {}


class Worker(Protocol):
    """What a companion may use of its process. `worker_id` names the process in leases."""

    @property
    def worker_id(self) -> str: ...

    async def in_db(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Runs synchronous database work in a thread that keeps its connection."""


# Runs until it is cancelled. One that fails or returns is started again after a pause.
Companion = Callable[[Worker], Coroutine[Any, Any, None]]


def register_companion(name: str, companion: Companion) -> None:
    """Adds a companion to worker processes that start later; the same name again replaces it."""
    _factories[name] = companion


def registered() -> dict[str, Companion]:
    return dict(_factories)


async def supervise(name: str, companion: Companion, worker: Worker) -> None:
    """Keeps one companion alive; pauses grow up to 30 s while it keeps failing."""
    pause = FIRST_PAUSE
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await companion(worker)
        except Exception:
            # Whatever it was: webhooks and tools of the whole process depend on its return.
            logger.exception("%s stopped; it starts again in %s s", name, pause)
        lived = asyncio.get_running_loop().time() - began
        pause = FIRST_PAUSE if lived > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)


async def stop(tasks: "list[asyncio.Task[Any]]", seconds: float) -> None:
    """Cancels companions and gives them the time to close what they hold."""
    for task in tasks:
        task.cancel()
    if tasks:
        with suppress(TimeoutError):
            await asyncio.wait(tasks, timeout=seconds)
