"""What a worker repeats: by the clock, when it is woken, and again when it failed."""

import asyncio

import pytest
from django.db import OperationalError

from runs.engine import rhythm
from runs.engine.rhythm import every

LONG = 3600.0
PATIENCE = 10.0


class Work:
    """Counts how often it was done; fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.done = asyncio.Semaphore(0)
        self.times = 0
        self._failures = failures

    async def __call__(self) -> None:
        self.times += 1
        self.done.release()
        if self.times <= self._failures:
            raise OperationalError("away")

    async def was_done(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.done.acquire()


def test_it_waits_before_the_first_time() -> None:
    async def scenario() -> int:
        work, news = Work(), asyncio.Event()
        task = asyncio.create_task(every(LONG, work, woken_by=news))
        await asyncio.sleep(0)
        before = work.times
        news.set()
        await work.was_done()
        task.cancel()
        return before

    assert asyncio.run(scenario()) == 0


def test_it_begins_at_once_when_it_is_woken_beforehand() -> None:
    async def scenario() -> int:
        work, news = Work(), asyncio.Event()
        news.set()
        task = asyncio.create_task(every(LONG, work, woken_by=news))
        await work.was_done()
        news.set()
        await work.was_done()
        task.cancel()
        return work.times

    assert asyncio.run(scenario()) == 2


def test_it_goes_on_without_being_woken_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rhythm, "RETRY_SECONDS", 0.001)

    async def scenario() -> int:
        work, news = Work(failures=2), asyncio.Event()
        news.set()
        task = asyncio.create_task(every(LONG, work, woken_by=news))
        for _ in range(3):
            await work.was_done()
        task.cancel()
        return work.times

    assert asyncio.run(scenario()) == 3
