"""The background event loop of a process."""

import asyncio
import os
import threading
import warnings

import pytest

from agentserver.core import loops


async def thread_name() -> str:
    return threading.current_thread().name


def test_it_runs_coroutines_in_one_daemon_thread() -> None:
    assert loops.run_sync(thread_name()) == loops.submit(thread_name()).result(5)
    assert loops.run_sync(thread_name()) == loops.THREAD_NAME


def test_it_gives_results_and_errors_back() -> None:
    async def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        loops.run_sync(fail(), 5)


def test_it_cancels_what_takes_too_long() -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        loops.run_sync(hang(), 0.01)
    assert cancelled.wait(5)


def test_it_refuses_to_wait_for_itself() -> None:
    async def nested() -> None:
        loops.run_sync(thread_name())

    with pytest.raises(RuntimeError):
        loops.run_sync(nested(), 5)


def test_it_has_a_loop_of_its_own_after_a_fork() -> None:
    loops.run_sync(thread_name(), 5)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn about threads; that this works with threads is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        answer = b"failed"
        try:
            answer = loops.run_sync(thread_name(), 5).encode()
        finally:
            os.write(writing, answer)
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == loops.THREAD_NAME.encode()
    os.waitpid(child, 0)
