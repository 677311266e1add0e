"""Threads of a worker for database work; each keeps its connection open for the next piece."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import connections

CLOSE_SECONDS = 2.0


class DatabaseThreads:
    """``count`` threads that do database work for an event loop."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What ``work`` returns; a connection that an earlier piece broke is replaced first."""
        loop = asyncio.get_running_loop()
        call = partial(_with_connection, work, *arguments, **options)
        return await loop.run_in_executor(self._threads, call)

    def close(self) -> None:
        """Gives back the connections; pieces under way are not waited for longer than 2 s."""
        meeting = threading.Barrier(self._count)
        for closed in [self._threads.submit(_close, meeting) for _ in range(self._count)]:
            closed.result()
        self._threads.shutdown(wait=False)


def _with_connection(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
    return work(*arguments, **options)


def _close(meeting: threading.Barrier) -> None:
    """Each thread meets the others first, so that none closes twice and another never."""
    with suppress(threading.BrokenBarrierError):
        meeting.wait(CLOSE_SECONDS)
    connections.close_all()
