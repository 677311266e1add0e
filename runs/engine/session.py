"""A run in the hands of this process: its identity, its place in the log, and what may stop it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentserver.core.clock import now_ms
from config.registry import Registry
from config.specs import AgentSpec
from runs.events.live.base import LiveChannel
from runs.events.types import AnyEvent, Record
from runs.mailbox.claim import Claim

T = TypeVar("T")

RunInThread = Callable[..., Awaitable[Any]]


class LostRun(Exception):
    """Another worker, an interrupt or a deletion took the run away: nothing may be written."""


class Stopped(Exception):
    """The caller asked the run to stop; it ends as cancelled at the next safe place."""


class Draining(Exception):
    """This process shuts down; the run goes back to the queue and continues elsewhere."""


@dataclass
class Session:
    """Mutable companion of one claim. Lives on the engine's event loop; not thread-safe.

    `records` are emitted and not yet committed. `run_in_thread(function, *args)` runs synchronous
    database work off the loop.
    """

    claim: Claim
    registry: Registry
    channel: LiveChannel
    run_in_thread: RunInThread
    records: list[Record] = field(default_factory=list)
    stop_reason: type[Exception] | None = None
    inbox_hint: bool = False
    committed_seq: int = 0
    _current: "asyncio.Task[Any] | None" = None
    _next_seq: int = 0
    _patient: bool = False

    def __post_init__(self) -> None:
        self._next_seq = self.claim.run.next_seq()
        self.committed_seq = self.claim.run.last_seq
        # Input for a first attempt is announced, or found when the run is about to end.
        self.inbox_hint = self.claim.run.attempt > 1
        # Asked for while nobody held the run, or while it was being claimed.
        self.stop_reason = Stopped if self.claim.run.cancel_requested else None

    @property
    def agent(self) -> AgentSpec:
        """The agent as the run's pinned configuration has it; `AgentNotFound` when it has not."""
        return self.registry.agent(self.claim.run.agent_id)

    @property
    def run_id(self) -> str:
        return self.claim.run.pk

    @property
    def attempt(self) -> int:
        return self.claim.run.attempt

    @property
    def last_seq(self) -> int:
        return self._next_seq - 1

    def emit(self, event: AnyEvent) -> None:
        """Numbers an event and shows it to viewers now; it becomes durable with the next commit."""
        self.channel.publish(self.run_id, self.claim.run.thread_id, [self.note(event)])

    def emit_together(self, events: Sequence[AnyEvent]) -> None:
        """Shows several events at once: a viewer gets all of them or none."""
        records = [self.note(event) for event in events]
        self.channel.publish(self.run_id, self.claim.run.thread_id, records)

    def note(self, event: AnyEvent) -> Record:
        """Numbers an event without showing it: the ends of a run are published once committed."""
        record = Record(self._next_seq, now_ms(), event)
        self._next_seq += 1
        self.records.append(record)
        return record

    def retract(self, record: Record) -> None:
        """Takes back the newest note, which nobody has seen."""
        self.records.remove(record)
        self._next_seq = record.seq

    def committed(self, records: Sequence[Record]) -> None:
        """Forgets what is durable now; later events stay for the next commit."""
        if records:
            self.committed_seq = records[-1].seq
            self.records = [each for each in self.records if each.seq > self.committed_seq]

    # --- being stopped ----------------------------------------------------------------------

    def stop(self, reason: type[Exception]) -> None:
        """Makes the run raise ``reason`` at its current or next `interruptible` wait."""
        if self.stop_reason in {None, Draining} or reason is LostRun:
            self.stop_reason = reason
        if self._current and not (self._patient and reason is Draining):
            self._current.cancel()

    def check(self) -> None:
        if self.stop_reason:
            raise self.stop_reason

    async def interruptible(self, work: Coroutine[Any, Any, T], *, patient: bool = False) -> T:
        """Awaits ``work``; a `stop` cancels it and surfaces as the stop's reason.

        ``patient`` work cannot be repeated, so a process that shuts down lets it come to its end.
        """
        if self.stop_reason:
            work.close()
            raise self.stop_reason
        self._patient = patient
        self._current = asyncio.ensure_future(work)
        try:
            result: T = await self._current
            return result
        except asyncio.CancelledError:
            await self._end_current()
            self.check()
            raise
        finally:
            self._current = None

    async def _end_current(self) -> None:
        task = self._current
        if task and not task.done():
            task.cancel()
            await asyncio.wait([task])


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Awaits ``work`` even when the waiter is cancelled; the cancellation then goes on."""
    task = asyncio.ensure_future(work)
    try:
        result: T = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
    return result
