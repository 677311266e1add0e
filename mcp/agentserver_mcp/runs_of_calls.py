"""Database work of a tool call that is a run: start it, look at it, answer it, stop it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agentserver.access.principal import Principal
from agentserver.core.errors import Conflict, NotFound
from agentserver.core.ids import new_id
from agentserver_mcp.models import McpSession
from agentserver_mcp.sessions import forget_call, remember_call
from runs.access import get_run_for, run_not_found
from runs.models import Run, ToolCall
from runs.selectors import suspended_calls
from runs.services import Decided, Input, cancel_run, submit, submit_decisions
from threads.content import text_block
from threads.services import NewMessage

ALREADY_DECIDED = "already_decided"


@dataclass(frozen=True)
class Place:
    """A run, and the seq behind which it is followed. `fresh`: made just now."""

    run_id: str
    thread_id: str
    after_seq: int = 0
    fresh: bool = False


def start(
    principal: Principal,
    agent_id: str,
    arguments: Mapping[str, Any],
    session: McpSession | None,
    request_id: str,
) -> Place:
    """Submits the message on a new thread, or on the one that is named, which must exist; in a
    session the call is remembered with it, so that it can always be cancelled."""
    thread_id = arguments.get("threadId")
    said = NewMessage(role="user", content=[text_block(arguments["message"])])
    wanted = Input(
        principal=principal,
        thread_id=thread_id or f"mcp-{new_id()}",
        must_exist=thread_id is not None,
        messages=[said],
        agent_id=agent_id,
        origin=Run.Origin.MCP,
    )
    with transaction.atomic():
        submitted = submit(wanted)
        if session is not None:
            remember_call(session=session, request_id=request_id, run_id=submitted.run.pk)
    return Place(submitted.run.pk, submitted.thread_id, fresh=True)


def resume(principal: Principal, run_id: str, after_seq: int) -> Place:
    """A run that an earlier round of the call started. `NotFound` when it is gone or not theirs."""
    run = get_run_for(principal, run_id)
    return Place(run.pk, run.thread_id, after_seq)


def open_tickets(run_id: str) -> list[dict[str, Any]]:
    """What the run waits for, as stored."""
    run = Run.objects.filter(pk=run_id).first()
    return [call.suspension for call in suspended_calls(run) if _asks(call)] if run else []


def _asks(call: ToolCall) -> bool:
    """False for a delegate that was answered and has not come back with more yet."""
    own = ToolCall.objects.filter(run_id=call.child_run_id, status=ToolCall.Status.SUSPENDED)
    return not call.child_run_id or own.exists()


def decide(principal: Principal, run_id: str, decisions: Sequence[Decided]) -> None:
    """Answers what the run waits for; what was answered elsewhere meanwhile stays as it is.

    Raises `BadRequest` for an answer that does not fit, `Conflict` for one that is not taken here.
    """
    waiting = {ticket["ticket_id"] for ticket in open_tickets(run_id)}
    still_open = [each for each in decisions if each.reference in waiting]
    if not still_open:
        return
    try:
        submit_decisions(
            principal=principal,
            any_id=run_id,
            decisions=still_open,
            missing=run_not_found(run_id),
        )
    except NotFound:
        return
    except Conflict as error:
        if error.code != ALREADY_DECIDED:
            raise


def stop(principal: Principal, run_id: str) -> None:
    with suppress(NotFound):
        cancel_run(principal=principal, run_id=run_id)


def forget(session: McpSession, request_id: str) -> None:
    forget_call(session=session, request_id=request_id)
