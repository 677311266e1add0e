"""Delegation: another agent's run as a tool call of this one.

The child is an ordinary durable run on a thread of its own. The ledger row of the call names it, so
an attempt that follows a crash joins the same child instead of starting a second one.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.db import transaction

from agentserver.core.ids import new_id
from config.known_tools import DELEGATE_PREFIX
from config.registry import Registry
from runs import dispatch
from runs.engine.session import LostRun, Session
from runs.events import log
from runs.events.types import (
    AnyEvent,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepStarted,
    Suspension,
    ToolCallProgress,
    ToolCallReady,
)
from runs.mailbox import lane as lanes
from runs.mailbox import questions
from runs.mailbox.submit import RunRequest, insert_run
from runs.models import Run, ToolCall
from runs.tools import Tool, ToolResult
from runs.tools.result import Outcome, failed
from threads.content import text_block
from threads.models import Thread
from threads.services import NewMessage

SOURCE = "delegate"
"""The source of the tools that are agents."""
MAX_DEPTH = 8
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"prompt": {"type": "string", "description": "What the agent is asked to do"}},
    "required": ["prompt"],
    "additionalProperties": False,
}


def _never_called(**arguments: Any) -> None:
    raise RuntimeError("a delegate is run by the engine")


def delegate_tools(registry: Registry, delegates: list[str]) -> list[Tool]:
    """One tool per delegate: ``agent_run_<id>(prompt)``."""
    return [
        Tool(
            name=f"{DELEGATE_PREFIX}{agent_id}",
            description=registry.agent(agent_id).description or f"Asks the agent '{agent_id}'.",
            parameters=PARAMETERS,
            function=_never_called,
            timeout_seconds=None,
            source=SOURCE,
        )
        for agent_id in delegates
    ]


async def run_delegate(session: Session, row: ToolCall) -> Outcome:
    """Starts or joins the child run and follows it to its end or its suspension."""
    prompt = row.arguments.get("prompt") if isinstance(row.arguments, dict) else None
    if not isinstance(prompt, str):
        return failed("arguments: prompt: a text is required", "invalid_arguments")
    child_id = await session.run_in_thread(_start_child, session, row, prompt)
    if child_id is None:
        return failed(f"agents may delegate {MAX_DEPTH} levels deep", "tool_error")
    async with aclosing(_follow(session, row, child_id)) as outcomes:
        async for outcome in outcomes:
            return outcome
    return failed("the delegated run was deleted", "tool_error")


async def _follow(session: Session, row: ToolCall, child_id: str) -> AsyncGenerator[Outcome, None]:
    suspended: RunSuspended | None = None
    told, rests = questions.number_of(row.ticket_id), 0
    async with aclosing(log.follow(child_id, stop_on_suspend=True)) as records:
        async for record in records:
            if record is None:
                continue
            if isinstance(record.event, RunFinished):
                yield finished_outcome(row, record.event)
                return
            suspended = record.event if isinstance(record.event, RunSuspended) else None
            rests += suspended is not None
            if rests >= told:
                _show_progress(session, row, child_id, record.event)
    if suspended:
        yield Outcome(status="suspended", suspension=ticket(row, suspended, number=rests))


def _show_progress(session: Session, row: ToolCall, child_id: str, event: AnyEvent) -> None:
    message = _progress_message(event)
    if message:
        session.emit(
            ToolCallProgress(
                call_id=row.call_id,
                name=row.name,
                status="running",
                message=message,
                child_run_id=child_id,
            )
        )


def _progress_message(event: AnyEvent) -> str | None:
    match event:
        case RunStarted(agent_id=agent_id):
            return f"{agent_id} started"
        case StepStarted(step=step):
            return f"step {step + 1}"
        case ToolCallReady(name=name):
            return f"calls {name}"
        case _:
            return None


def finished_outcome(row: ToolCall, event: RunFinished) -> Outcome:
    """The tool result of a finished child: ``{agent_id, status, response, output, steps}``."""
    if event.termination.type == "error":
        return failed(event.termination.detail or "the delegated run failed", "tool_error")
    data = {
        "agent_id": row.name.removeprefix(DELEGATE_PREFIX),
        "status": event.termination.type,
        "response": event.response,
        "output": event.output,
        "steps": event.steps,
    }
    metadata = {"child_run_id": event.run_id}
    return Outcome(
        status="succeeded",
        result=ToolResult(data=data, message=event.response, metadata=metadata),
    )


def ticket(row: ToolCall, event: RunSuspended, *, number: int) -> Suspension:
    """What a person sees at the parent while the child waits, for the ``number``-th time; an answer
    here goes to the child."""
    first = event.tickets[0]
    return Suspension(
        ticket_id=questions.ticket_id(event.run_id, number),
        kind="delegate",
        action="agent_delegate:pending",
        message=first.message,
        parameters=first.parameters,
        response_schema=first.response_schema,
        pending_id=row.call_id,
        pending_name=row.name,
        pending_arguments=row.arguments,
        resume_mode="use_decision_as_tool_result",
    )


# --- the child's rows ----------------------------------------------------------------------


def _start_child(session: Session, row: ToolCall, prompt: str) -> str | None:
    """The id of the child, made together with its mention in the ledger; None: too deep."""
    if row.child_run_id:
        return row.child_run_id
    parent = session.claim.run
    if _depth(parent) >= MAX_DEPTH:
        return None
    with transaction.atomic():
        _hold(session)
        thread = Thread.objects.create(
            resource_id=parent.thread.resource_id, parent_id=parent.thread_id
        )
        request = RunRequest(
            agent_id=row.name.removeprefix(DELEGATE_PREFIX),
            config_version=parent.config_version,
            messages=[NewMessage(id=new_id(), role="user", content=[text_block(prompt)])],
            parent=parent,
            parent_call_id=row.call_id,
            origin=Run.Origin.INTERNAL,
        )
        queued = insert_run(thread=thread, lane=lanes.lock(thread), request=request)
        _name_child(session, row, queued.run.pk)
        dispatch.on_commit()
    return queued.run.pk


def _hold(session: Session) -> None:
    """Locks the parent: a run that ends finds its children, one that has ended gets no more."""
    mine = Run.objects.select_for_update().filter(
        pk=session.run_id, attempt=session.attempt, status=Run.Status.RUNNING
    )
    if mine.values_list("pk", flat=True).first() is None:
        raise LostRun


def _name_child(session: Session, row: ToolCall, child_id: str) -> None:
    row.child_run_id = child_id
    mine = ToolCall.objects.filter(pk=row.pk, attempt=session.attempt)
    if not mine.update(child_run_id=child_id):
        raise LostRun


def _depth(run: Run) -> int:
    depth, parent_id = 0, run.parent_id
    while parent_id and depth < MAX_DEPTH:
        depth += 1
        parent_id = Run.objects.filter(pk=parent_id).values_list("parent_id", flat=True).first()
    return depth
