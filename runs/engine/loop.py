"""The step loop: one claimed run from where its rows say it stands to a suspension or its end.

Nothing lives in memory alone: every exit leaves rows from which another worker goes on.
"""

from collections.abc import Callable
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
from runs.engine.session import Draining, LostRun, Session, Stopped
from runs.events.types import (
    InputAccepted,
    RunStarted,
    RunSuspended,
    Suspension,
    Termination,
)
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
        lost = [self.recorder.reset("the previous worker went away")] if crashed else []
        self.session.emit_together([*lost, started])
        if run.attempt > 1:
            await self._adopt()
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

    async def _adopt(self) -> None:
        """Takes over the calls of a step that an earlier attempt left open."""
        run = self.session.claim.run
        adopt = self.session.run_in_thread
        self.open_calls = await adopt(journal.adopt_calls, run, self.recorder.step)
        changed = tool_phase.recover(self.session, self.toolbox, self.open_calls)
        for row in changed:
            await self._record(row)

    async def _record(self, row: ToolCall) -> None:
        await self.session.run_in_thread(journal.record_call, row, attempt=self.session.attempt)
        if row.status != ToolCall.Status.RUNNING:
            self.session.emit(tool_phase.finished_event(row))

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
            had_calls=self.session.attempt > 1 or self.recorder.step > 1,
        )
        return await end(self.recorder, ending, [message])

    async def _take_input(self) -> None:
        if not self.session.inbox_hint:
            return
        self.session.inbox_hint = False
        run = self.session.claim.run
        step = self.recorder.step
        ids = await self.session.run_in_thread(journal.take_input, run, step=step)
        if ids:
            await self.recorder.load()
            self.session.emit(InputAccepted(message_ids=ids))

    async def _infer(self) -> Answer:
        recorder = self.recorder
        await self.window.fit(recorder)
        messages = model_messages(self.session.agent, recorder.entries)
        request = replace(self.request, messages=messages)
        recorder.step_is_open = True
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
        await self.recorder.commit(journal.open_step, rows, messages=[message])
        self.open_calls = rows
        for row in rows:
            if row.status != ToolCall.Status.RUNNING:
                self.session.emit(tool_phase.finished_event(row))

    async def _tools(self) -> Exit | None:
        rows = self.open_calls
        work = tool_phase.run_calls(self.session, self.toolbox, rows)
        await self.session.interruptible(work)
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
        """The tool messages of the open step; a placeholder that stays one is not written again."""
        rows = self.open_calls
        still = {row.result_message_id for row in rows if row.status == ToolCall.Status.SUSPENDED}
        unchanged = still & self.recorder.placeholders
        return [
            tool_phase.tool_message(row, step=self.recorder.step)
            for row in rows
            if row.result_message_id not in unchanged and tool_phase.has_result(row)
        ]

    async def _suspend(self, rows: list[ToolCall]) -> Exit | None:
        run = self.session.claim.run
        self.recorder.close_step()
        waiting = [row for row in rows if row.status == ToolCall.Status.SUSPENDED]
        tickets = [Suspension.model_validate(row.suspension) for row in waiting]
        last = self.session.note(
            RunSuspended(
                thread_id=run.thread_id, run_id=run.pk, tickets=tickets, reason=tickets[0].kind
            )
        )
        try:
            await self.recorder.commit(journal.suspend, messages=self._results())
        except DecisionArrived:
            self.session.retract(last)
            await self._adopt()
            return None
        await self.recorder.publish(last)
        return Exit.DONE

    # --- ends -------------------------------------------------------------------------------

    async def _stopped(self) -> Exit:
        self.recorder.close_step()
        ending = Ending(Termination(type="cancelled"))
        return await end_run(self.recorder, ending, self._results())

    async def _provider_failed(self, error: ProviderError) -> Exit:
        if not error.retryable:
            self.recorder.close_step()
            failed = Termination(type="error", detail=str(error), code=error.code)
            return await end_run(self.recorder, Ending(failed, dead=True))
        self.recorder.reset_step(error.code)
        try:
            alive = await self.recorder.commit(
                journal.retry_later, error=str(error), delay=error.retry_after
            )
        except LostRun:
            return Exit.LOST
        return Exit.RETRY if alive else Exit.MORE_WORK

    async def _hand_back(self) -> Exit:
        if self.recorder.step_is_open and not self.open_calls:
            self.recorder.reset_step("the worker shut down")
        try:
            await self.recorder.commit(journal.save)
        except LostRun:
            return Exit.LOST
        return Exit.RELEASED
