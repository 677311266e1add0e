"""The tool phase of a step: which calls may run, running them, and what their answers become."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentserver.core.clock import now
from agentserver.core.ids import new_id
from config.permission import decide
from runs.engine import delegate, journal
from runs.engine.session import Session
from runs.engine.tickets import client_tool_ticket, permission_ticket
from runs.engine.transcript import Call
from runs.mailbox.ledger import INTERRUPTED, cancel, fail, finished_event, succeed, suspend
from runs.models import ToolCall
from runs.tools import Tool
from runs.tools.invoke import invoke, invoke_transactional
from runs.tools.result import Outcome, failed

Status = ToolCall.Status
RunSync = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass
class Toolbox:
    """The tools of one run, and how to run one.

    ``ended(row, alone)`` takes an outcome to the books: at once, or with the commit that follows
    when no other call is still running (``alone``). `begun` are the keys of rows that were run.
    """

    tools: dict[str, Tool]
    context_for: Callable[[ToolCall], Any]
    run_sync: RunSync
    delegate: Callable[[ToolCall], Awaitable[Outcome]]
    ended: Callable[[ToolCall, bool], Awaitable[None]]
    begun: set[int] = field(default_factory=set)

    def is_delegate(self, row: ToolCall) -> bool:
        tool = self.tools.get(row.name)
        return tool is not None and tool.source == delegate.SOURCE

    @property
    def client_tools(self) -> frozenset[str]:
        return frozenset(name for name, tool in self.tools.items() if tool.client_side)


# --- what may run --------------------------------------------------------------------------


def plan(session: Session, toolbox: Toolbox, calls: Sequence[Call], *, step: int) -> list[ToolCall]:
    """A ledger row per call: running, waiting for somebody, or already failed."""
    rows = [
        ToolCall(
            run_id=session.run_id,
            call_id=call.id,
            step=step,
            position=position,
            name=call.name,
            arguments=call.arguments,
            client_side=call.client_side,
            attempt=session.attempt,
            result_message_id=new_id(),
        )
        for position, call in enumerate(calls)
    ]
    for row, call in zip(rows, calls, strict=True):
        _judge(session, toolbox, row, call)
    if denied(rows):
        _interrupt_others(rows)
    return rows


def _judge(session: Session, toolbox: Toolbox, row: ToolCall, call: Call) -> None:
    tool = toolbox.tools.get(row.name)
    if tool is None:
        fail(row, f"tool '{row.name}' not found")
    elif call.invalid:
        fail(row, f"invalid arguments for '{row.name}': {call.invalid}")
    elif tool.client_side:
        suspend(row, client_tool_ticket(row))
    else:
        _apply_behavior(row, behavior_of(session, tool, row.arguments))


def _apply_behavior(row: ToolCall, behavior: str) -> None:
    if behavior == "deny":
        fail(row, denial(row))
        row.result["denied"] = True
    elif behavior == "ask":
        suspend(row, permission_ticket(row))
    else:
        row.status, row.started_at, row.executions = Status.RUNNING, now(), 1


def behavior_of(session: Session, tool: Tool, arguments: Any) -> str:
    """allow, ask or deny: the permission plugin where it is loaded, else the tool's own wish."""
    section = session.agent.plugin_section("permission")
    if section is None:
        return "ask" if tool.needs_approval else "allow"
    known = arguments if isinstance(arguments, dict) else {}
    order = tuple(tool.parameters.get("properties", {}))
    return decide(section, tool.name, known, parameters=order).behavior


def denial(row: ToolCall) -> str:
    return f"Tool '{row.name}' denied by permission rules"


def denied(rows: Sequence[ToolCall]) -> ToolCall | None:
    """The first call a rule forbids; nothing of its batch may run then."""
    return next((row for row in rows if (row.result or {}).get("denied")), None)


def _interrupt_others(rows: Sequence[ToolCall]) -> None:
    for row in rows:
        if not row.is_final:
            fail(row, INTERRUPTED)
            row.executions, row.started_at = 0, None


# --- running -------------------------------------------------------------------------------


async def run_calls(session: Session, toolbox: Toolbox, rows: Sequence[ToolCall]) -> None:
    """Runs every call that is due, at the same time; each result is recorded as it comes."""
    due = [row for row in rows if row.status == Status.RUNNING]
    if not due:
        return
    try:
        async with asyncio.TaskGroup() as group:
            for row in due:
                group.create_task(_run_call(session, toolbox, row, due))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def apply_outcome(row: ToolCall, outcome: Outcome) -> None:
    row.updated_at = now()
    if outcome.status == "succeeded" and outcome.result is not None:
        succeed(row, outcome.result.dump())
    elif outcome.status == "suspended" and outcome.suspension is not None:
        row.answers = outcome.answers
        suspend(row, outcome.suspension)
    elif outcome.status == "cancelled":
        cancel(row)
    else:
        fail(row, outcome.text_for_model())


def is_repeatable(toolbox: Toolbox, rows: Sequence[ToolCall]) -> bool:
    """Whether every call that is due may be broken off and run again later."""
    return all(may_run_again(toolbox, row) for row in rows if row.status == Status.RUNNING)


def may_run_again(toolbox: Toolbox, row: ToolCall) -> bool:
    tool = toolbox.tools.get(row.name)
    if tool is None:
        return False
    return tool.idempotent or tool.transactional or tool.source == delegate.SOURCE


async def _run_call(
    session: Session, toolbox: Toolbox, row: ToolCall, due: Sequence[ToolCall]
) -> None:
    tool = toolbox.tools.get(row.name)
    toolbox.begun.add(row.pk)
    if tool and tool.transactional:
        await _run_transactional(session, toolbox, tool, row)
        session.emit(finished_event(row))
    else:
        apply_outcome(row, await _outcome(toolbox, tool, row))
        await toolbox.ended(row, all(each.status != Status.RUNNING for each in due))


async def _outcome(toolbox: Toolbox, tool: Tool | None, row: ToolCall) -> Outcome:
    if tool is None:
        return failed(f"tool '{row.name}' not found", "tool_error")
    if tool.source == delegate.SOURCE:
        return await toolbox.delegate(row)
    context = toolbox.context_for(row)
    return await invoke(tool, row.arguments, context, run_sync=toolbox.run_sync)


async def _run_transactional(session: Session, toolbox: Toolbox, tool: Tool, row: ToolCall) -> None:
    """The tool's own writes and its recorded result are one transaction: both or neither."""

    def record(outcome: Outcome) -> None:
        apply_outcome(row, outcome)
        journal.record_call(row, attempt=session.attempt)

    context = toolbox.context_for(row)
    running: list[asyncio.Future[Any]] = []

    async def run_sync(work: Callable[[], Any]) -> Any:
        running.append(asyncio.ensure_future(toolbox.run_sync(work)))
        running[0].add_done_callback(_note_error)
        return await asyncio.shield(running[0])

    try:
        outcome = await invoke_transactional(
            tool, row.arguments, context, record, run_sync=run_sync
        )
    except asyncio.CancelledError:
        if running and not context.gate.is_closed:
            # It is committing already: what it stored must be known before the run goes on.
            await asyncio.wait(running)
            session.emit(finished_event(row))
        raise
    if not row.is_final and row.status != Status.SUSPENDED:
        # Given up before its commit: rolled back, so its failure is recorded here.
        await session.run_in_thread(record, outcome)


def _note_error(task: asyncio.Future[Any]) -> None:
    """An abandoned call has nobody left to tell."""
    if not task.cancelled():
        task.exception()
