"""How a run ends on the wire: outcomes that the client's version knows, interrupts, usage."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentserver.protocols.ag_ui.frames import Frame
from runs.events.types import RunFinished, Suspension, Usage

CLIENT_TOOL = "client_tool"
QUESTION = "question"
_REASONS = {
    "permission": "tool_call",
    "delegate": "tool_call",
    "question": "input_required",
    "unknown_outcome": "confirmation",
}
_USAGE = {
    "inputTokens": "prompt_tokens",
    "outputTokens": "completion_tokens",
    "totalTokens": "total_tokens",
    "reasoningTokens": "thinking_tokens",
    "cachedInputTokens": "cache_read_tokens",
    "cacheWriteInputTokens": "cache_creation_tokens",
}


def approval_schema(*, editable: bool) -> dict[str, Any]:
    """What an approval looks like; ``editedArgs`` replaces the arguments as a whole."""
    properties: dict[str, Any] = {"approved": {"type": "boolean"}, "reason": {"type": "string"}}
    if editable:
        properties["editedArgs"] = {"type": "object"}
    return {"type": "object", "properties": properties, "required": ["approved"]}


def wants_approval(ticket: Mapping[str, Any]) -> bool:
    """Whether a stored ticket is answered by ``approved``, not by an answer of its own shape."""
    if ticket["kind"] == "delegate":
        return not ticket.get("response_schema")
    return ticket["kind"] not in {QUESTION, CLIENT_TOOL}


def interrupt(ticket: Suspension, *, call_id: str, tool_name: str) -> Frame:
    found: Frame = {
        "id": ticket.ticket_id,
        "reason": _REASONS[ticket.kind],
        "message": ticket.message or f"'{tool_name}' waits for an answer",
        "toolCallId": call_id,
        "responseSchema": _schema(ticket),
        "metadata": {
            "kind": ticket.kind,
            "toolName": tool_name,
            "arguments": ticket.parameters,
        },
    }
    if ticket.expires_at is not None:
        found["expiresAt"] = iso(ticket.expires_at)
    return found


def _schema(ticket: Suspension) -> dict[str, Any]:
    if wants_approval(ticket.model_dump()):
        return approval_schema(editable=ticket.kind == "permission")
    return ticket.response_schema or {}


def iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def suspended_outcome(
    interrupts: Sequence[Frame], pending: Sequence[str], *, modern: bool
) -> Frame | None:
    """Questions to people interrupt; calls that the client itself runs are a kind of success."""
    if interrupts:
        return {"type": "interrupt", "interrupts": list(interrupts)}
    return {"type": "success", "pendingToolCallIds": list(pending)} if modern else None


def ending(event: RunFinished, ids: Frame, *, modern: bool) -> list[Frame]:
    """The last frames of a finished run, without its usage."""
    termination = event.termination
    match termination.type:
        case "cancelled" if modern:
            return [{"type": "RUN_FINISHED", **ids, "outcome": {"type": "cancelled"}}]
        case "cancelled":
            return [_error("the run was cancelled", "cancelled")]
        case "error" | "blocked":
            detail = termination.detail or "the run failed"
            return [_error(detail, termination.code or termination.type)]
    finished: Frame = {"type": "RUN_FINISHED", **ids}
    if event.output is not None:
        finished["result"] = event.output
    if modern:
        finished["outcome"] = {"type": "success"}
    return [*_stopped(event), finished]


def _stopped(event: RunFinished) -> list[Frame]:
    """A run that a limit ended did not fail, but somebody may want to know."""
    termination = event.termination
    if termination.type != "stopped":
        return []
    value = {"code": termination.code, "detail": termination.detail}
    return [{"type": "CUSTOM", "name": "run_stopped", "value": value}]


def _error(message: str, code: str) -> Frame:
    return {"type": "RUN_ERROR", "message": message, "code": code}


def token_usage(by_model: Mapping[str, Usage]) -> list[Frame]:
    """One entry per model, with the counts it reported."""
    return [
        {"model": model, **{wire: counts[ours] for wire, ours in _USAGE.items() if ours in counts}}
        for model, counts in by_model.items()
    ]
