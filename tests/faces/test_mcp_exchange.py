"""What a handler works with, whatever becomes of the request meanwhile."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from agentserver.access.principal import ANONYMOUS
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.protocol import Message


def test_it_writes_what_must_be_written_after_a_second_cancellation() -> None:
    """The one thread is busy, so the work still waits for it when its caller is cancelled."""
    written, free = threading.Event(), threading.Event()

    async def cancelled_while_it_waits() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, free.wait, 5)
        exchange = Exchange(Message("request", {}, 1), principal=ANONYMOUS, headers={})
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
