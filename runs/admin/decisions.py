"""Approving, denying and answering what a run waits for."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from agentserver.access.identity import principal_of
from agentserver.core.admin import Verb
from agentserver.core.errors import BadRequest, NotFound
from runs import services
from runs.models import ToolCall
from runs.services.decisions import Action
from threads.admin.conversation import pretty

PERMISSION = "runs.change_toolcall"
# Kinds of questions that take no answer but yes or no.
_YES_OR_NO = ("permission", "unknown_outcome")


def decision_verbs() -> list[Verb]:
    return [
        Verb("approve", PERMISSION, _approve),
        Verb("deny", PERMISSION, _deny),
        Verb("answer", PERMISSION, _answer),
    ]


def question(call: ToolCall) -> Mapping[str, Any]:
    """What the card of a waiting call shows.

    `yes_or_no`: two buttons do. `delegate`: the question is that of a child run, answered there.
    """
    asked: dict[str, Any] = call.suspension or {}
    kind = asked.get("kind", "")
    return {
        "call": call,
        "kind": kind.replace("_", " "),
        "message": asked.get("message") or f"{call.name} waits for an answer.",
        "arguments": pretty(call.arguments),
        "schema": pretty(asked["response_schema"]) if asked.get("response_schema") else "",
        "yes_or_no": kind in _YES_OR_NO,
        "delegate": kind == "delegate",
        "expires_at": asked.get("expires_at"),
    }


def is_yes_or_no(call: ToolCall) -> bool:
    return (call.suspension or {}).get("kind") in _YES_OR_NO


def _approve(request: HttpRequest, key: str) -> str:
    return f"{_decide(request, key, 'resume').name} was approved."


def _deny(request: HttpRequest, key: str) -> str:
    return f"{_decide(request, key, 'cancel').name} was denied."


def _answer(request: HttpRequest, key: str) -> str:
    payload = _payload(request.POST.get("payload", ""))
    return f"{_decide(request, key, 'resume', payload).name} was answered."


def _payload(text: str) -> Any:
    """JSON where it is some, else the text itself: most answers are a sentence."""
    stripped = text.strip()
    if not stripped:
        raise BadRequest("write an answer")
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        return stripped


def _decide(request: HttpRequest, key: str, action: Action, payload: Any = None) -> ToolCall:
    call = ToolCall.objects.filter(pk=int(key) if key.isdecimal() else 0).first()
    missing = NotFound("nothing waits here any more")
    if call is None:
        raise missing
    reference = call.ticket_id or call.call_id
    services.submit_decision(
        principal=principal_of(request),
        any_id=call.run_id,
        decided=services.Decided(reference=reference, action=action, payload=payload),
        missing=missing,
    )
    return call
