"""Questions of a waiting run as forms of MCP, and the forms' answers as decisions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentserver.core.api.answers import encode
from runs.services import Decided

Json = dict[str, Any]

APPROVE: Final = "approve"
REJECT: Final = "reject"
CLIENT_TOOL: Final = "client_tool"
_PRIMITIVES: Final = {"string", "number", "integer", "boolean"}
_SHOWN_CHARACTERS: Final = 2_000

APPROVAL: Final[Json] = {
    "type": "object",
    "properties": {
        "decision": {
            "type": "string",
            "title": "Decision",
            "enum": [APPROVE, REJECT],
            "description": "Whether the call may be made",
        },
        "reason": {"type": "string", "title": "Reason", "description": "Told to the agent"},
    },
    "required": ["decision"],
}
FREE_TEXT: Final[Json] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer"}},
    "required": ["answer"],
}


def can_be_asked(tickets: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a person can answer all of them; tools of a client are run by that client only."""
    return bool(tickets) and all(ticket["kind"] != CLIENT_TOOL for ticket in tickets)


def form_of(ticket: Mapping[str, Any]) -> tuple[str, Json]:
    """Message and requested schema."""
    shown = ticket.get("message") or f"{ticket['pending_name']} waits for a decision"
    if _asks(ticket):
        return shown, _answer_schema(ticket.get("response_schema"))
    arguments = encode(ticket.get("pending_arguments")).decode()[:_SHOWN_CHARACTERS]
    return f"{shown}\n{ticket['pending_name']}({arguments})", APPROVAL


def _asks(ticket: Mapping[str, Any]) -> bool:
    """Whether an answer is wanted, not a permission."""
    return ticket["kind"] == "question" or bool(ticket.get("response_schema"))


def _answer_schema(schema: Any) -> Json:
    """Forms are flat: an object of plain values goes as it is, all else becomes a line of text."""
    return schema if _is_flat(schema) else FREE_TEXT


def _is_flat(schema: Any) -> bool:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    members = schema.get("properties") or {}
    return bool(members) and all(
        isinstance(member, dict) and member.get("type") in _PRIMITIVES
        for member in members.values()
    )


def decided(ticket: Mapping[str, Any], answer: Mapping[str, Any]) -> Decided | None:
    """The decision in ``{"action", "content"?}``; None when it does not fit the form."""
    action, content = answer.get("action"), answer.get("content")
    if action in ("decline", "cancel"):
        return _refusal(ticket, "declined by the user", None)
    if action != "accept" or not isinstance(content, Mapping):
        return None
    return _given(ticket, content) if _asks(ticket) else _approval(ticket, content)


def _given(ticket: Mapping[str, Any], content: Mapping[str, Any]) -> Decided | None:
    if _is_flat(ticket.get("response_schema")):
        return _resumed(ticket, dict(content))
    text = content.get("answer")
    return _resumed(ticket, text) if isinstance(text, str) else None


def _approval(ticket: Mapping[str, Any], content: Mapping[str, Any]) -> Decided | None:
    decision, reason = content.get("decision"), content.get("reason")
    payload = {"reason": reason} if isinstance(reason, str) and reason else {}
    if decision == APPROVE:
        return _resumed(ticket, {"approved": True, **payload})
    if decision == REJECT:
        return _refusal(ticket, "denied by the user", payload.get("reason"))
    return None


def _resumed(ticket: Mapping[str, Any], payload: Any) -> Decided:
    return Decided(reference=ticket["ticket_id"], action="resume", payload=payload)


def _refusal(ticket: Mapping[str, Any], text: str, reason: str | None) -> Decided:
    told = f"{text}: {reason}" if reason else text
    return Decided(reference=ticket["ticket_id"], action="cancel", error=told)
