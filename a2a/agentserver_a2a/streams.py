"""Streams of tasks (A2A 1.0, sections 3.1.2 and 3.1.6): StreamResponse objects, together those that
came together; None where nothing happens for a while.

A stream begins with the Task as it stands at one place of the run's log, and goes on with what the
log says from there: artifacts put together from both are those that are stored.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agentserver.access.principal import Principal
from agentserver.core.database import in_database
from agentserver_a2a.encode import Encoder, direct_message, means_message
from agentserver_a2a.errors import UnsupportedOperation
from agentserver_a2a.sending import Sent
from agentserver_a2a.states import INTERRUPTED
from agentserver_a2a.tasks import run_for, task_for
from agentserver_a2a.waiting import gone_status
from runs.events import log
from runs.events.follower import PAGE
from runs.events.types import Record, RunStarted, StepStarted

Json = dict[str, Any]
Events = AsyncGenerator[list[Json] | None, None]

# What a run does before it shows how it will answer.
_PREPARATIONS = (RunStarted, StepStarted)


# --- after a message ------------------------------------------------------------------------------
async def stream_of(sent: Sent) -> Events:
    """From the task that `send` returned to its next end or interruption."""
    if sent.direct:
        events = _direct(sent)
    elif sent.fresh:
        events = _continued(_Reader(sent.task_id, sent.context_id), first=sent.task, fresh=True)
    else:
        events = _gone_on(sent)
    async with aclosing(events):
        async for event in events:
            yield event


async def _gone_on(sent: Sent) -> Events:
    """After an answer to an interrupted task, or the repeat of an earlier request."""
    reader = _Reader(sent.task_id, sent.context_id)
    # Up to the answer where there is one: what came of it since is told event by event.
    await reader.catch_up(sent.after_seq or None)
    task = reader.task(sent.task, keep_status=bool(sent.after_seq))
    async with aclosing(_continued(reader, first=task)) as events:
        async for event in events:
            yield event


async def _direct(sent: Sent) -> Events:
    """Holds the task back until the run has shown whether it answers with a message; then only that
    message comes, once the run has ended."""
    reader = _Reader(sent.task_id, sent.context_id)
    held: list[Json] = []
    is_message = False
    async with aclosing(
        log.follow(sent.task_id, fresh=sent.fresh, stop_on_suspend=True)
    ) as records:
        async for record in records:
            if record is None:
                yield None
                continue
            held += reader.read(record)
            is_message = is_message or means_message(record.event)
            if not is_message and not isinstance(record.event, _PREPARATIONS):
                break
    message = direct_message(sent.context_id, reader.encoder) if is_message else None
    if message:
        yield [{"message": message}]
        return
    if sent.fresh:
        yield [{"task": sent.task}, *held]
    # The task of a repeat is told as it stands by now.
    async with aclosing(_continued(reader) if sent.fresh else _gone_on(sent)) as events:
        async for event in events:
            yield event


# --- subscriptions --------------------------------------------------------------------------------
def subscribe(*, principal: Principal, tenant: str | None, task_id: str) -> Events:
    """The task as it stands, then what happens to it until it ends; an interruption ends nothing.

    Before the stream begins it raises `TaskNotFound`, and `UnsupportedOperation` for a task that
    has ended.
    """
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    if run.is_done:
        raise UnsupportedOperation(
            f"the task {task_id} has ended: there is nothing to subscribe to",
            metadata={"taskId": task_id},
        )
    return _subscribed(principal, run.pk, run.thread_id)


async def _subscribed(principal: Principal, task_id: str, context_id: str) -> Events:
    reader = _Reader(task_id, context_id)
    await reader.catch_up()
    stored = await in_database(_stored, principal, task_id)
    if not reader.has_status:
        # What is stored may be ahead of the log as it was read, and must not be told once more.
        await reader.catch_up()
    task = reader.task(stored)
    async with aclosing(_continued(reader, first=task, to_the_end=True)) as events:
        async for event in events:
            yield event


def _stored(principal: Principal, task_id: str) -> Json:
    return task_for(principal=principal, tenant=None, task_id=task_id)


# --- both -----------------------------------------------------------------------------------------
@dataclass
class _Reader:
    """An encoder, and how far it has read."""

    task_id: str
    context_id: str
    seq: int = 0

    def __post_init__(self) -> None:
        self.encoder = Encoder(self.task_id, self.context_id)

    @property
    def has_status(self) -> bool:
        """Whether the log has said anything of the task's status yet."""
        return "timestamp" in self.encoder.status()

    def read(self, record: Record) -> list[Json]:
        self.seq = record.seq
        return self.encoder.encode(record)

    def read_batch(self, batch: list[Record]) -> list[Json]:
        return [update for record in batch for update in self.read(record)]

    async def catch_up(self, up_to: int | None = None) -> None:
        """Reads what is there already, committed or live, saying nothing."""
        full = True
        while full:
            records = await log.so_far(self.task_id, self.seq)
            for record in records:
                if up_to is not None and record.seq > up_to:
                    return
                self.read(record)
            full = len(records) >= PAGE

    def task(self, stored: Json, *, keep_status: bool = False) -> Json:
        """The task at this place of the log. ``stored`` gives its history, and its status where the
        log says nothing yet, or nothing of the answer that was given since (``keep_status``)."""
        is_kept = keep_status or not self.has_status
        status = stored["status"] if is_kept else self.encoder.status()
        artifacts = self.encoder.artifacts()
        self.encoder.shown(status)
        rest = {key: value for key, value in stored.items() if key != "artifacts"}
        return rest | {"status": status} | ({"artifacts": artifacts} if artifacts else {})

    def is_over(self, to_the_end: bool) -> bool:
        is_interrupted = self.encoder.status()["state"] in INTERRUPTED
        return self.encoder.done or (is_interrupted and not to_the_end)


async def _continued(
    reader: _Reader, *, first: Json | None = None, fresh: bool = False, to_the_end: bool = False
) -> Events:
    """``first`` as the task, then what the log says behind the reader: to the end of the task or,
    unless ``to_the_end``, an interruption."""
    if first is not None:
        yield [{"task": first}]
    if reader.is_over(to_the_end):
        return
    batches = log.follow_batches(
        reader.task_id, reader.seq, fresh=fresh, stop_on_suspend=not to_the_end
    )
    async with aclosing(batches):
        async for batch in batches:
            updates = None if batch is None else reader.read_batch(batch)
            if updates != []:
                yield updates
    if not reader.is_over(to_the_end):
        ids = {"taskId": reader.task_id, "contextId": reader.context_id}
        yield [{"statusUpdate": {**ids, "status": gone_status()}}]
