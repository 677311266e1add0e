"""Work that a worker repeats for as long as it lives."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from agentserver.core.database import DATABASE_DOWN

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


async def every(
    seconds: float,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    woken_by: asyncio.Event | None = None,
) -> None:
    """Does ``work`` every ``seconds``, and sooner after it failed, whatever the failure was:
    without leases and sweeps every run would be lost.

    ``woken_by`` ends the wait whenever it is set; set before the start, there is no first wait.
    """
    news = woken_by or asyncio.Event()
    again = min(seconds, RETRY_SECONDS)
    pause = seconds
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await news.wait()
        # Before the work: what is announced while it is done is for the next time.
        news.clear()
        pause = again
        try:
            await work()
            pause = seconds
        except DATABASE_DOWN:
            logger.warning("the database did not answer; trying again in %s s", again)
        except Exception:
            logger.exception("%s failed; trying again in %s s", work.__name__, again)
