"""The step loop: one claimed run from where its rows say it stands to a suspension or its end.

Nothing lives in memory alone: every exit leaves rows from which another worker goes on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from agentserver.core.ids import new_id
from runs.engine import calls as tool_phase
from runs.engine import journal
from runs.engine.calls import Toolbox
from runs.engine.context import Window
from runs.engine.endings import Exit, end, end_run
from runs.engine.inference import Answer, Request, infer
from runs.engine.journal import DecisionArrived, Ending
from runs.engine.limits import Limits
from runs.engine.prompt import model_messages
from runs.engine.recorder import Recorder
from runs.engine.recovery import put_off, recover
from runs.engine.session import Draining, LostRun, Session, Stopped
from runs.events.types import (
    InputAccepted,
    RunStarted,
    RunSuspended,
    Suspension,
    Termination,
)
from runs.mailbox.families import tell_parent
from runs.mailbox.ledger import cancel, finished_event, has_result, tool_message
from runs.mailbox.stop import stop_children
from runs.models import ToolCall
from runs.providers.errors import ProviderError
from threads.services import NewMessage

NATURAL = Termination(type="natural_end")


@dataclass
class Loop:
    session: Session
    recorder: Recorder
    toolbox: Toolbox
    request: Request
    window: Window
    limits: Limits
    price: Callable[[str, dict[str, int]], Decimal | None]
    open_calls: list[ToolCall] = field(default_factory=list)
    tried_to_wait: bool = False

    async def run(self) -> Exit:
        """Runs to the next rest. What it raises is a bug or a lost database."""
        try:
            await self._begin()
            return await self._until_rest()
        except LostRun:
            return Exit.LOST
        except Stopped:
            return await self._stopped()
        except Draining:
            return await self._hand_back()
        except ProviderError as error:
            return await self._provider_failed(error)

    async def _begin(self) -> None:
        run = self.session.claim.run
        await self.recorder.load()
        crashed = run.seq_floor > run.last_seq
        started = RunStarted(
            thread_id=run.thread_id,
            run_id=run.pk,
            agent_id=run.agent_id,
            parent_run_id=run.parent_id,
            attempt=run.attempt,
            cause=self._cause(crashed=crashed),
            input_message_ids=[] if run.last_seq else self._input_ids(),
        )
        lost = [self.recorder.lost("the previous worker went away")] if crashed else []
        self.session.emit_together([*lost, started])
        if run.attempt > 1:
            done = {"turn": run.turn or 0, "steps": self.recorder.step}
            self.limits.recall(self.recorder.entries, **done)
            await self._adopt(crashed=crashed)
        self.recorder.step_is_open = bool(self.open_calls)

    def _cause(self, *, crashed: bool) -> Literal["start", "resume", "recover"]:
        claim = self.session.claim
        if crashed or (claim.run.attempt > 1 and not claim.job.resumes):
            return "recover"
        return "resume" if claim.job.resumes else "start"

    def _input_ids(self) -> list[str]:
        turn = self.session.claim.run.turn
        entries = self.recorder.entries
        return [each.message_id for each in entries if each.turn == turn and each.step is None]

    async def _adopt(self, *, crashed: bool = False) -> None:
        """Takes over the calls of a step that an earlier attempt left open."""
        run, in_thread = self.session.claim.run, self.session.run_in_thread
        rows = await in_thread(journal.adopt_calls, run, self.recorder.step)
        self.open_calls = rows
        if crashed and rows:
            self._announce(await in_thread(journal.unannounced, run, rows))
        changed = recover(self.session, self.toolbox, rows)
        if changed:
            self._announce(changed)
            self.recorder.unsaved += changed
            await self.recorder.commit(journal.save)

    def _announce(self, rows: Iterable[ToolCall]) -> None:
        for row in rows:
            if row.status != ToolCall.Status.RUNNING:
                self.session.emit(finished_event(row))

    async def _until_rest(self) -> Exit:
        while True:
            self.session.check()
            rest = await (self._tools() if self.open_calls else self._think())
            if rest:
                return rest

    # --- inference --------------------------------------------------------------------------

    async def _think(self) -> Exit | None:
        await self._take_input()
        enough = self.limits.before_step(self.recorder.totals)
        if enough:
            return await end(self.recorder, Ending(enough, response=self.limits.last_text or None))
        answer = await self._infer()
        message = self._assistant_message(answer)
        if answer.calls:
            await self._open_step(answer, message)
            return None
        self.recorder.count_step()
        ending = Ending(
            self.limits.after_answer() or NATURAL,
            response=answer.text,
            unless_input=True,
            ever_waited=self.session.attempt > 1 or self.tried_to_wait,
        )
        return await end(self.recorder, ending, [message])

    async def _take_input(self) -> None:
        if not self.session.inbox_hint:
            return
        self.session.inbox_hint = False
        run = self.session.claim.run
        waiting = await self.session.run_in_thread(journal.waiting_input, run)
        if waiting:
            ids = [message_id for row in waiting for message_id in row.message_ids]
            self.session.emit(InputAccepted(message_ids=ids))
            await self.recorder.commit(journal.take_input, waiting)
            await self.recorder.load()

    async def _infer(self) -> Answer:
        recorder = self.recorder
        spent = await self.window.fit(recorder)
        messages = model_messages(self.session.agent, recorder.entries)
        known = frozenset(each["id"] for entry in recorder.entries for each in entry.tool_calls)
        request = replace(self.request, messages=messages, taken_ids=known, spent=spent)
        recorder.open_step()
        answer = await infer(self.session, request, step=recorder.step, message_id=new_id())
        cost = self.price(answer.model_name, answer.usage)
        recorder.totals.add(answer.usage, cost, answer.model_name)
        self.limits.saw_answer(answer.text)
        return answer

    def _assistant_message(self, answer: Answer) -> NewMessage:
        return NewMessage(
            id=answer.message_id,
            role="assistant",
            content=answer.content,
            tool_calls=[
                {"id": call.id, "name": call.name, "arguments": call.arguments}
                for call in answer.calls
            ],
            step_index=self.recorder.step,
        )

    # --- tools ------------------------------------------------------------------------------

    async def _open_step(self, answer: Answer, message: NewMessage) -> None:
        """Commits the intent of every call before any of them runs."""
        rows = tool_phase.plan(self.session, self.toolbox, answer.calls, step=self.recorder.step)
        self._announce(rows)
        await self.recorder.commit(journal.open_step, rows, messages=[message])
        self.open_calls = rows

    async def _tools(self) -> Exit | None:
        rows = self.open_calls
        patient = not tool_phase.is_repeatable(self.toolbox, rows)
        work = tool_phase.run_calls(self.session, self.toolbox, rows)
        await self.session.interruptible(work, patient=patient)
        refused = tool_phase.denied(rows)
        if refused:
            blocked = Termination(type="blocked", detail=tool_phase.denial(refused))
            self.recorder.close_step()
            return await end(self.recorder, Ending(blocked), self._results())
        if any(row.status == ToolCall.Status.SUSPENDED for row in rows):
            return await self._suspend(rows)
        self.limits.saw_calls(rows)
        self.recorder.close_step()
        results = self._results()
        self.recorder.totals.steps += 1
        await self.recorder.commit(journal.save, messages=results)
        self.open_calls, self.recorder.placeholders = [], set()
        return None

    def _results(self) -> list[NewMessage]:
        """The tool messages of the open step that are not stored, or only as a placeholder."""
        stored = {entry.message_id for entry in self.recorder.entries}
        return [
            tool_message(row, step=self.recorder.step)
            for row in self.open_calls
            if (row.result_message_id not in stored and has_result(row))
            or (row.result_message_id in self.recorder.placeholders and row.is_final)
        ]

    async def _suspend(self, rows: list[ToolCall]) -> Exit | None:
        run = self.session.claim.run
        self.tried_to_wait = True
        self.recorder.close_step()
        waiting = [row for row in rows if row.status == ToolCall.Status.SUSPENDED]
        tickets = [Suspension.model_validate(row.suspension) for row in waiting]
        last = self.session.note(
            RunSuspended(
                thread_id=run.thread_id, run_id=run.pk, tickets=tickets, reason=tickets[0].kind
            )
        )
        try:
            more = await self.recorder.commit(journal.suspend, messages=self._results())
        except Stopped:
            self.session.retract(last)
            raise
        except DecisionArrived:
            self.session.retract(last)
            await self.recorder.commit(journal.save)
            await self._adopt()
            return None
        await self.recorder.publish(last)
        for child_id in filter(None, (row.child_run_id for row in waiting)):
            # It may have ended before this run was known to wait for it.
            await self.session.run_in_thread(tell_parent, child_id)
        return Exit.MORE_WORK if more else Exit.DONE

    # --- ends -------------------------------------------------------------------------------

    async def _stopped(self) -> Exit:
        rest = await self._give_up(Ending(Termination(type="cancelled")))
        if any(self.toolbox.is_delegate(row) for row in self.open_calls):
            await self.session.run_in_thread(stop_children, self.session.run_id)
        return rest

    async def fail(self, ending: Ending) -> Exit:
        """Ends the run after an error that nobody foresaw."""
        return await self._give_up(ending)

    async def _give_up(self, ending: Ending) -> Exit:
        """Ends the run wherever it is: calls that did not end are cancelled."""
        unfinished = [row for row in self.open_calls if not row.is_final]
        for row in unfinished:
            cancel(row)
        self._announce(unfinished)
        self.recorder.unsaved += unfinished
        if self.open_calls:
            self.recorder.close_step()
        else:
            self.recorder.abandon_step("the run ended")
        return await end_run(self.recorder, ending, self._results())

    async def _provider_failed(self, error: ProviderError) -> Exit:
        if not error.retryable:
            failed = Termination(type=error.ends_as, detail=str(error), code=error.code)
            return await self._give_up(Ending(failed, dead=error.ends_as == "error"))
        self.recorder.reset_step(error.code)
        try:
            alive = await self.recorder.commit(
                journal.retry_later, error=str(error), delay=error.retry_after
            )
        except LostRun:
            return Exit.LOST
        return Exit.RETRY if alive else Exit.MORE_WORK

    async def _hand_back(self) -> Exit:
        if not self.open_calls:
            self.recorder.reset_step("the worker shut down")
        self.recorder.unsaved += put_off(self.toolbox, self.open_calls)
        try:
            await self.recorder.commit(journal.save)
        except LostRun:
            return Exit.LOST
        return Exit.RELEASED
