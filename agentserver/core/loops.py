"""One background event loop per process, for synchronous code that needs asynchronous work done.

It runs in a daemon thread, starts on first use and belongs to the process that started it: after a
fork the child gets a loop of its own, because threads do not survive a fork.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

T = TypeVar("T")

THREAD_NAME = "agentserver-loop"


class _Background:
    """The loop of one process and the thread that runs it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = _new_loop()
        self.thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


class _Holder:
    """Hands out the background of the current process; safe to use from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.current: _Background | None = None

    def get(self) -> _Background:
        current = self.current
        if current is not None and current.pid == os.getpid():
            return current
        with self.lock:
            if self.current is None or self.current.pid != os.getpid():
                self.current = _Background()
            return self.current

    def forget(self) -> None:
        """In a forked child: the lock may have been held by a thread that is gone here."""
        self.lock = threading.Lock()
        self.current = None


_holder = _Holder()
os.register_at_fork(after_in_child=_holder.forget)


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop of this process, running."""
    return _holder.get().loop


def in_background_loop() -> bool:
    """Whether the calling thread is the one that runs the background loop."""
    current = _holder.current
    return current is not None and current.thread is threading.current_thread()


def submit(coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
    """Start ``coroutine`` on the background loop; cancelling the future cancels its task."""
    return asyncio.run_coroutine_threadsafe(coroutine, background_loop())


def run_sync(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run ``coroutine`` on the background loop and wait for its result.

    `timeout` is in seconds; when it passes, the task is cancelled and TimeoutError raised. Calling
    it on the background loop itself would wait for ever and is a RuntimeError.
    """
    if in_background_loop():
        coroutine.close()
        raise RuntimeError("run_sync() was called on the background loop: await instead")
    future = submit(coroutine)
    try:
        return future.result(timeout)
    except FutureTimeoutError:
        future.cancel()
        raise


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
