"""A row of the tool-call ledger: what may become of it (in memory), and what others see of it."""

from typing import Any

from agentserver.core.exact_json import dumps
from runs.events.types import Suspension, ToolCallFinished
from runs.models import ToolCall
from runs.tools.result import ToolResult
from threads.content import text_block
from threads.services import NewMessage

INTERRUPTED = "[Tool execution was interrupted]"
# In the metadata of a tool message: it only holds the place of an answer, or tells of a failure.
PLACEHOLDER = "placeholder"
FAILED = "failed"
Status = ToolCall.Status


def fail(row: ToolCall, error: str) -> None:
    row.status, row.result = Status.FAILED, {"error": error}


def succeed(row: ToolCall, result: dict[str, Any]) -> None:
    row.status, row.result = Status.SUCCEEDED, result


def suspend(row: ToolCall, suspension: Suspension) -> None:
    row.status, row.ticket_id = Status.SUSPENDED, suspension.ticket_id
    row.suspension = suspension.model_dump(exclude_none=True)


def cancel(row: ToolCall) -> None:
    """The run ends, or goes on without the call (in memory)."""
    row.status, row.result = Status.CANCELLED, {"error": INTERRUPTED}


def has_result(row: ToolCall) -> bool:
    """Whether a tool message can be written for the call: an answer, or the note that it waits."""
    return row.status == Status.SUSPENDED or (row.is_final and row.result is not None)


def finished_event(row: ToolCall) -> ToolCallFinished:
    result = row.result or {}
    was_permission = (row.suspension or {}).get("kind") == "permission"
    waits = row.status == Status.SUSPENDED
    return ToolCallFinished(
        call_id=row.call_id,
        name=row.name,
        outcome=row.status,
        result_message_id=row.result_message_id,
        data=result.get("data"),
        message=_text(row) if waits else result.get("message"),
        error=result.get("error"),
        content=result.get("content") or [],
        suspension=row.suspension if waits else None,
        metadata=result.get("metadata") or {},
        resumed=bool(row.decision),
        denied=bool(result.get("denied"))
        or (row.status == Status.CANCELLED and was_permission and bool(row.decision)),
    )


def tool_message(row: ToolCall, *, step: int) -> NewMessage:
    """The stored tool message of a call; a placeholder while it waits."""
    return NewMessage(
        id=row.result_message_id,
        role="tool",
        content=[text_block(_text(row)), *((row.result or {}).get("content") or [])],
        tool_call_id=row.call_id,
        step_index=step,
        metadata=_metadata(row),
    )


def _metadata(row: ToolCall) -> dict[str, Any]:
    # A call that ended without an answer stays a placeholder: no later inference reads about it.
    unanswered = row.status == Status.CANCELLED and not row.decision
    if row.status == Status.SUSPENDED or unanswered:
        return {PLACEHOLDER: True}
    return {FAILED: True} if row.status == Status.FAILED else {}


def _text(row: ToolCall) -> str:
    if row.status == Status.SUSPENDED:
        return f"Tool '{row.name}' suspended: awaiting decision"
    result = row.result or {}
    if row.status == Status.SUCCEEDED:
        return ToolResult.load(result).text_for_model()
    return result["error"] if "error" in result else dumps(result.get("data"))
