"""The books of a run in execution: conversation, totals, shared state, and their commits."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from runs.engine.conversation import Entry, load
from runs.engine.journal import Commit, Totals
from runs.engine.session import Session, to_its_end
from runs.events.changes import announce_change
from runs.events.types import (
    AnyEvent,
    InferenceCompleted,
    Record,
    StateDelta,
    StateSnapshot,
    StepFinished,
    StepReset,
)
from runs.metrics import observe_committed
from runs.models import ToolCall
from runs.tools.json_patch import PatchError, apply_patch
from threads.services import NewMessage

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass
class Recorder:
    """`placeholders` are the tool messages that the open step stored when it was suspended; a step
    that has some was already shown as finished. `unsaved` are ledger rows that the next commit
    takes along."""

    session: Session
    totals: Totals
    entries: list[Entry] = field(default_factory=list)
    placeholders: set[str] = field(default_factory=set)
    step_is_open: bool = False
    state: Any = None
    state_changed: bool = False
    unsaved: list[ToolCall] = field(default_factory=list)
    _committing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _step_began: int = 0
    _before: Totals = field(default_factory=Totals)

    @property
    def step(self) -> int:
        return self.totals.steps

    async def load(self) -> None:
        """Reads the conversation up to this run's turn."""
        run = self.session.claim.run
        self.entries = await self.session.run_in_thread(load, run)
        self.placeholders = {
            entry.message_id
            for entry in self.entries
            if entry.is_placeholder and entry.turn == run.turn and entry.step == self.step
        }

    # --- events -----------------------------------------------------------------------------

    def open_step(self) -> None:
        self.step_is_open, self._step_began = True, self.session.last_seq
        self._before = replace(self.totals, usage=dict(self.totals.usage))

    def close_step(self) -> None:
        if self.step_is_open and not self.placeholders:
            self.session.emit(StepFinished(step=self.step))
        self.step_is_open = False

    def count_step(self) -> None:
        self.close_step()
        self.totals.steps += 1

    def reset_step(self, reason: str) -> None:
        """Voids the open inference: it is made again, by this attempt or another."""
        if self.step_is_open:
            reset = StepReset(step=self.step, after_seq=self._step_began, reason=reason)
            self.session.emit(reset)
            self.totals = self._before
        self.step_is_open = False

    def abandon_step(self, reason: str) -> None:
        """Ends a step whose answer is not stored. What it showed stays with its viewers, unless
        it looks like a message: an inference of it completed."""
        shown = [each.event for each in self.session.records if each.seq > self._step_began]
        if any(isinstance(event, InferenceCompleted) for event in shown):
            self.reset_step(reason)
        self.close_step()

    def lost(self, reason: str) -> StepReset:
        """Voids what the previous attempt showed after its last commit."""
        return StepReset(step=self.step, after_seq=self.session.committed_seq, reason=reason)

    def emit(self, event: AnyEvent) -> None:
        """An event of a tool: changes of the shared state are kept for the next commit."""
        if isinstance(event, StateSnapshot):
            self.state, self.state_changed = dict(event.snapshot), True
        elif isinstance(event, StateDelta) and not self._patch(event):
            return
        self.session.emit(event)

    def _patch(self, event: StateDelta) -> bool:
        """False for a patch that another call's change made impossible: nobody is shown it."""
        try:
            self.state = apply_patch(self.state, event.delta)
        except PatchError as error:
            logger.warning("run %s: a state patch was dropped: %s", self.session.run_id, error)
            return False
        self.state_changed = True
        return True

    async def publish(self, last: Record) -> None:
        """Shows a committed end and sees it off."""
        session = self.session
        thread_id = session.claim.run.thread_id
        session.channel.publish(session.run_id, thread_id, [last])
        announce_change("runs", session.run_id, thread_id=thread_id, event=last.event.type)
        await session.channel.flush(session.run_id)

    # --- rows -------------------------------------------------------------------------------

    async def commit(
        self,
        write: Callable[..., T],
        *arguments: Any,
        messages: Sequence[NewMessage] = (),
        **options: Any,
    ) -> T:
        """One journal write with everything emitted so far. A write that raises changes nothing.

        A write that began is awaited even by a run that is told to stop: what is stored and what
        is remembered as stored must not part.
        """
        return await to_its_end(self._commit(write, arguments, options, messages))

    async def _commit(
        self,
        write: Callable[..., T],
        arguments: Sequence[Any],
        options: dict[str, Any],
        messages: Sequence[NewMessage],
    ) -> T:
        async with self._committing:
            commit = self._everything(messages)
            outcome: T = await self.session.run_in_thread(write, commit, *arguments, **options)
            self.session.committed(commit.records)
            self.unsaved = [row for row in self.unsaved if row not in commit.calls]
            self.state_changed = self.state is not commit.state and self.state_changed
            self._remember(messages)
        observe_committed(commit.claim.run, commit.records)
        return outcome

    def _everything(self, messages: Sequence[NewMessage]) -> Commit:
        replacing = [message for message in messages if message.id in self.placeholders]
        return Commit(
            claim=self.session.claim,
            records=tuple(self.session.records),
            totals=self.totals,
            messages=[message for message in messages if message.id not in self.placeholders],
            replacements=replacing,
            state=self.state,
            state_changed=self.state_changed,
            calls=tuple(self.unsaved),
        )

    def _remember(self, messages: Sequence[NewMessage]) -> None:
        fresh = {message.id: _entry(message, self.session) for message in messages}
        self.entries = [fresh.pop(entry.message_id, entry) for entry in self.entries]
        self.entries += fresh.values()


def _entry(message: NewMessage, session: Session) -> Entry:
    return Entry(
        message_id=message.id,
        role=message.role,
        content=list(message.content),
        tool_calls=list(message.tool_calls),
        tool_call_id=message.tool_call_id,
        metadata=dict(message.metadata),
        internal=message.visibility == "internal",
        turn=session.claim.run.turn or 0,
        step=message.step_index,
    )
