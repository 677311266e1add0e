"""Runs and records to feed the log and the live channel with."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from agentserver.core.ids import new_id
from runs.events import log
from runs.events.types import (
    AnyEvent,
    Record,
    RunFinished,
    RunStarted,
    StepReset,
    Termination,
    TextDelta,
)
from runs.models import Run
from threads.models import Thread

T = TypeVar("T")
AT = 1_700_000_000_000


def started(attempt: int = 1) -> RunStarted:
    cause = "start" if attempt == 1 else "recover"
    return RunStarted(thread_id="t", run_id="r", agent_id="a", attempt=attempt, cause=cause)


def delta(text: str) -> TextDelta:
    return TextDelta(block_id="b", delta=text)


def finished() -> RunFinished:
    return RunFinished(
        thread_id="t", run_id="r", termination=Termination(type="natural_end"), steps=1
    )


def reset(after_seq: int) -> StepReset:
    return StepReset(step=1, after_seq=after_seq, reason="recovered")


def record(seq: int, event: AnyEvent | None = None) -> Record:
    return Record(seq, AT + seq, event or delta(f"d{seq}"))


def deltas(first: int, last: int) -> list[Record]:
    return [record(seq) for seq in range(first, last + 1)]


def whole_run(length: int) -> list[Record]:
    """`length` records: start, deltas, finish."""
    return [record(1, started()), *deltas(2, length - 1), record(length, finished())]


def make_run(*, status: str = "running", turn: int | None = 1, thread: Thread | None = None) -> Run:
    owner = thread or Thread.objects.create()
    return Run.objects.create(id=new_id(), thread=owner, agent_id="a", status=status, turn=turn)


def commit(run: Run, records: list[Record], *, done: bool = False) -> None:
    """What the engine does at a step's end: the segment and the row."""
    log.append_segment(run.pk, records)
    run.last_seq = records[-1].seq
    if done:
        run.status = Run.Status.DONE
        run.finished_at = run.updated_at
    run.save()


async def take(items: AsyncIterator[T], count: int) -> list[T]:
    """The next `count` items; a stream that is too short or silent fails the test."""
    taken: list[T] = []
    async with asyncio.timeout(20):
        while len(taken) < count:
            taken.append(await anext(items))
    return taken


async def drain(items: AsyncIterator[T | None]) -> list[T]:
    """Everything to the end, heartbeats left out."""
    async with asyncio.timeout(20):
        return [item async for item in items if item is not None]
