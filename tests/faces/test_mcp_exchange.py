"""What a handler works with, whatever becomes of the request meanwhile."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from django.db import InterfaceError, OperationalError

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.endpoint import _unread
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.protocol import Message


def asked() -> Exchange:
    return Exchange(Message("request", {}, 1), principal=ANONYMOUS, headers={})


@pytest.mark.parametrize("was_read", [True, False])
def test_it_ends_the_handler_of_an_answer_that_was_forgotten_before_it_was_read(
    was_read: bool,
) -> None:
    """Of one that was read the exchange knows better what the end of it means."""
    exchange, working = asked(), Future[None]()
    if was_read:
        exchange.reading()
    _unread(exchange, working)
    assert working.cancelled() is not was_read


def test_it_writes_what_must_be_written_after_a_second_cancellation() -> None:
    """The one thread is busy, so the work still waits for it when its caller is cancelled."""
    written, free = threading.Event(), threading.Event()

    async def cancelled_while_it_waits() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, free.wait, 5)
        exchange = asked()
        exchange.desk.attend(0)
        caller = asyncio.create_task(exchange.surely(written.set))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        free.set()
        await busy
        return caller.cancelled() and await asyncio.to_thread(written.wait, 5)

    assert asyncio.run(cancelled_while_it_waits())


def test_it_goes_on_listening_when_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Topic:
        async def get(self, seconds: float) -> None:
            await asyncio.sleep(0)

    async def looks() -> bool:
        exchange, errors = asked(), [InterfaceError("away"), OperationalError("away")]
        again = asyncio.Event()

        async def look() -> None:
            if not errors:
                again.set()
                return
            raise errors.pop()

        monkeypatch.setattr(exchange.questions, "look", look)
        ear = asyncio.create_task(exchange._listen(cast("Any", Topic())))
        heard = asyncio.create_task(again.wait())
        await asyncio.wait({ear, heard}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        went_on = not ear.done()
        for task in (ear, heard):
            task.cancel()
        await asyncio.wait({ear, heard})
        return went_on

    assert asyncio.run(looks())
