"""What the database may do to any of its callers, and how those who wait leave it to others."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections

T = TypeVar("T")

DATABASE_DOWN = (OperationalError, InterfaceError)
"""It is away or too busy: nothing is wrong with what it was asked, and later it may answer."""


async def in_database(work: Callable[..., T], *arguments: object) -> T:
    """Run synchronous database work in a thread, and give its connection back afterwards.

    A stream must not hold a connection of the pool while it waits. Cancelling the caller takes
    effect at once; the work, which only reads, goes on to its end unheard.
    """
    loop = asyncio.get_running_loop()
    call = partial(copy_context().run, _released, work, *arguments)
    return await loop.run_in_executor(None, call)


def _released(work: Callable[..., T], *arguments: object) -> T:
    try:
        return work(*arguments)
    finally:
        connections.close_all()


def release_database() -> None:
    """Give this thread's database connections back: a stream would hold them until its end.

    Not inside a transaction, and not on an event loop, where no view has opened one.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
