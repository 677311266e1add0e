"""A worker that dies at a chosen write, and what the next one makes of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from django.db import OperationalError, transaction

from runs.engine import journal
from runs.engine.host import Host
from runs.mailbox import lane as lanes
from runs.mailbox import sweep
from runs.models import Job, Run

WRITES = {
    journal.open_step,
    journal.adopt_calls,
    journal.take_input,
    journal.save,
    journal.suspend,
    journal.finish,
    journal.retry_later,
}
When = Literal["before", "after"]


class Crash:
    """Breaks the ``number``-th write of the engine, before it is made or before its answer arrives.

    The run notices nothing else: its process is as good as gone, its lease is not renewed.
    """

    def __init__(self, number: int, when: When) -> None:
        self.number = number
        self.when = when
        self.happened = threading.Event()
        self.write = ""
        self._made = 0

    async def in_db(self, original: Any, host: Host, work: Any, *given: Any, **named: Any) -> Any:
        if work not in WRITES:
            return await original(host, work, *given, **named)
        self._made += 1
        if self._made != self.number:
            return await original(host, work, *given, **named)
        if self.when == "after":
            await original(host, work, *given, **named)
        self.write = work.__name__
        self.happened.set()
        raise OperationalError("the worker dies here")


@contextmanager
def crashing(patch: pytest.MonkeyPatch, number: int, when: When) -> Iterator[Crash]:
    crash = Crash(number, when)
    original = Host.in_db

    async def in_db(host: Host, work: Any, *given: Any, **named: Any) -> Any:
        return await crash.in_db(original, host, work, *given, **named)

    with patch.context() as patched:
        patched.setattr(Host, "in_db", in_db)
        yield crash


def take_away(run: Run) -> None:
    """What the sweeper does about an expired lease."""
    with transaction.atomic():
        lane = lanes.lock_existing(run.thread_id)
        job = Job.objects.get(run=run, state=Job.State.CLAIMED)
        assert lane
        assert sweep.give_up_claim(lane, job, error="lost") == Job.State.QUEUED
