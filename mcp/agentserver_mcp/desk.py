"""The thread of a view, at the disposal of its request's handler until the answer begins."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from agentserver.core.database import in_database

T = TypeVar("T")


class _Job:
    """Database work for the view's thread, and the future of the coroutine that waits for it."""

    def __init__(self, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self._work = work
        self._arguments = arguments
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()

    def do(self) -> None:
        try:
            result = self._work(*self._arguments)
        except Exception as error:
            self._tell(self._fail, error)
        else:
            self._tell(self._succeed, result)

    def _tell(self, how: Callable[[Any], None], what: Any) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(how, what)

    def _succeed(self, result: Any) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Desk:
    """Handlers run on the background loop, database work in threads: that of the view while it has
    nothing to do but wait, which spares a connection and a hop; later one of the pool."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = True

    async def database(self, work: Callable[..., T], *arguments: object) -> T:
        """Run synchronous database work, wherever there is a thread for it."""
        job = _Job(work, arguments)
        with self._lock:
            taken = self._open
            if taken:
                self._jobs.put(job)
        if not taken:
            return await in_database(work, *arguments)
        result: T = await job.future
        return result

    def dismiss(self) -> None:
        """The view need not wait any longer. Callable from any thread, more than once."""
        self._jobs.put(None)

    def attend(self, seconds: float) -> None:
        """For the view: do what comes until `dismiss`, at most for so long."""
        ends_at = time.monotonic() + seconds
        try:
            while (job := self._jobs.get(timeout=max(0.0, ends_at - time.monotonic()))) is not None:
                job.do()
        except queue.Empty:
            pass
        finally:
            self._close()

    def _close(self) -> None:
        with self._lock:
            self._open = False
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job.do()
