"""Coming back to a step that an earlier attempt left open."""

from collections.abc import Sequence
from typing import Any

from agentserver.core.clock import now
from runs.engine.calls import Toolbox, behavior_of, denial, may_run_again
from runs.engine.session import Session
from runs.engine.tickets import unknown_outcome_ticket
from runs.events.types import ToolCallDecided
from runs.mailbox.ledger import fail, succeed, suspend
from runs.models import ToolCall
from runs.tools.result import ToolResult

Status = ToolCall.Status
UNSETTLED = {Status.NEW, Status.RUNNING, Status.RESUMING}


def put_off(toolbox: Toolbox, rows: Sequence[ToolCall]) -> list[ToolCall]:
    """Calls that were due and not begun when the process shut down: nothing about them is lost."""
    due = [row for row in rows if row.status == Status.RUNNING and row.pk not in toolbox.begun]
    for row in due:
        row.status = Status.NEW
    return due


def recover(session: Session, toolbox: Toolbox, rows: Sequence[ToolCall]) -> list[ToolCall]:
    """Brings rows of an earlier attempt into a state to go on from; returns the changed ones.

    A decision is applied; a call that was running when its worker died is run again only where
    that is harmless, else a person has to say what became of it.
    """
    changed = [row for row in rows if row.status in UNSETTLED]
    for row in changed:
        if row.status == Status.RESUMING:
            _announce_decision(session, row)
            _apply_decision(row)
            _judge_edited(session, toolbox, row)
        elif row.status == Status.NEW:
            row.status, row.started_at = Status.RUNNING, now()
        else:
            _resolve_lost(toolbox, row)
    return changed


def _announce_decision(session: Session, row: ToolCall) -> None:
    decision = row.decision
    session.emit(
        ToolCallDecided(
            call_id=row.call_id,
            ticket_id=row.ticket_id,
            decision_id=decision["decision_id"],
            action=decision["action"],
            payload=decision.get("payload"),
        )
    )


def _apply_decision(row: ToolCall) -> None:
    decision, kind = row.decision, row.suspension["kind"]
    if decision["action"] == "cancel":
        row.status, row.result = Status.CANCELLED, _refusal(decision)
    elif decision.get("error"):
        fail(row, decision["error"])
    elif kind == "client_tool":
        succeed(row, ToolResult(decision.get("payload"), message=decision.get("text")).dump())
    else:
        row.status, row.started_at = Status.RUNNING, now()
        row.executions += 1


def _judge_edited(session: Session, toolbox: Toolbox, row: ToolCall) -> None:
    """Arguments that came with an approval meet the rules that the model's own ones met."""
    tool = toolbox.tools.get(row.name)
    if not (tool and row.status == Status.RUNNING and row.decision.get("edited")):
        return
    if behavior_of(session, tool, row.arguments) == "deny":
        fail(row, denial(row))


def _refusal(decision: dict[str, Any]) -> dict[str, Any]:
    error = decision.get("error")
    return {"error": error} if error else {"data": decision.get("payload")}


def _resolve_lost(toolbox: Toolbox, row: ToolCall) -> None:
    if may_run_again(toolbox, row):
        row.executions += 1
    else:
        _keep_answer(row)
        suspend(row, unknown_outcome_ticket(row))


def _keep_answer(row: ToolCall) -> None:
    """The decision about the lost execution will take the place of the answer it was given."""
    if row.decision and (row.suspension or {}).get("kind") == "question":
        known = {"ticket_id": row.decision["ticket_id"], "payload": row.decision.get("payload")}
        row.answers = [*row.answers, known]
