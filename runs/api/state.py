"""The ``state`` of a run (native API): the same map on its record and in its stream.

The record builds it from rows, the stream from events. Both agree except for the two times, which
say when something was stored and when it was shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agentserver.core.clock import to_ms
from runs.events.types import Suspension, Termination
from runs.models import Run, ToolCall

LIFECYCLE = "__runtime.run_lifecycle"
TOOL_CALLS = "__runtime.tool_call_states"
DEFAULT_RESUME_MODE = "replay_tool_call"

Json = dict[str, Any]


@dataclass(frozen=True)
class CallState:
    """One tool call. `suspension` is the last question it asked, `decision` the last answer
    (``decision_id``, ``action``, ``payload``); `updated_at` is in Unix milliseconds."""

    call_id: str
    name: str
    step: int
    arguments: Any
    status: str
    updated_at: int
    suspension: Suspension | None = None
    decision: Json | None = None

    @classmethod
    def of(cls, row: ToolCall) -> "CallState":
        return cls(
            call_id=row.call_id,
            name=row.name,
            step=row.step,
            arguments=row.arguments,
            status=row.status,
            updated_at=to_ms(row.updated_at),
            suspension=row.suspension and Suspension.model_validate(row.suspension),
            decision=row.decision,
        )

    @property
    def is_open(self) -> bool:
        return self.status not in ToolCall.FINAL

    def dump(self) -> Json:
        body: Json = {
            "call_id": self.call_id,
            "tool_name": self.name,
            "arguments": self.arguments,
            "status": self.status,
            "updated_at": self.updated_at,
            "resume_mode": DEFAULT_RESUME_MODE,
        }
        if self.suspension:
            body["resume_mode"] = self.suspension.resume_mode
            body["suspension_id"] = self.suspension.ticket_id
            body["suspension_reason"] = self.suspension.action
        if self.decision:
            body["resume_input"] = {
                name: self.decision.get(name) for name in ("decision_id", "action", "payload")
            }
        return body


@dataclass(frozen=True)
class Lifecycle:
    """Where the run stands: `reason` is its termination code, `steps` counts completed steps,
    `updated_at` is in Unix milliseconds."""

    run_id: str
    status: str
    reason: str | None
    updated_at: int
    steps: int

    @classmethod
    def of(cls, run: Run) -> "Lifecycle":
        return cls(run.pk, run.status, full_code(run), to_ms(run.updated_at), run.steps)

    def dump(self) -> Json:
        return {
            "run_id": self.run_id,
            "status": self.status,
            "status_reason": self.reason,
            "updated_at": self.updated_at,
            "step_count": self.steps,
        }


def run_state(lifecycle: Lifecycle, calls: Iterable[CallState], *, revision: int) -> Json:
    """``{revision, extensions}``; ``revision`` is the seq of the last event that is in it."""
    shown = tool_call_states(calls, steps=lifecycle.steps)
    return {
        "revision": revision,
        "extensions": {LIFECYCLE: lifecycle.dump(), TOOL_CALLS: {"calls": shown}},
    }


def tool_call_states(calls: Iterable[CallState], *, steps: int) -> dict[str, Json]:
    """The calls of the open step, else of the last completed one, by call id.

    ``steps`` counts completed steps, so it is the number of the open one.
    """
    known = list(calls)
    current = [call for call in known if call.step == steps]
    shown = current or [call for call in known if call.step == steps - 1]
    return {call.call_id: call.dump() for call in shown}


def ticket_body(suspension: Suspension) -> Json:
    """The suspension ticket inside a tool result."""
    asked = {
        "id": suspension.ticket_id,
        "action": suspension.action,
        "message": suspension.message,
        "parameters": suspension.parameters,
        "response_schema": suspension.response_schema,
    }
    return {
        "suspension": {name: value for name, value in asked.items() if value is not None},
        "pending": {
            "id": suspension.pending_id,
            "name": suspension.pending_name,
            "arguments": suspension.pending_arguments,
        },
        "resume_mode": suspension.resume_mode,
    }


# --- terminations ---------------------------------------------------------------------------------


def full_code(run: Run) -> str | None:
    """The code as callers know it: ``blocked:<reason>`` where the row keeps both apart."""
    if run.termination_code == "blocked":
        return f"blocked:{run.termination_detail}"
    return run.termination_code or None


def code_of(termination: Termination) -> str:
    """`full_code` of a termination that has not become a row yet."""
    match termination.type:
        case "natural_end":
            return "natural"
        case "stopped":
            return f"stopped:{termination.code}"
        case "blocked":
            return f"blocked:{termination.detail or ''}"
        case other:
            return other


def termination_of(run: Run) -> Termination | None:
    kind, _, code = run.termination_code.partition(":")
    if not kind:
        return None
    known: Any = "natural_end" if kind == "natural" else kind
    return Termination(type=known, code=code or None, detail=run.termination_detail or None)


def termination_body(termination: Termination) -> Json:
    """``{"type", "value"?}``: the value is an object for ``stopped``, else a text."""
    body: Json = {"type": termination.type}
    if termination.type == "stopped":
        body["value"] = {"code": termination.code}
        if termination.detail:
            body["value"]["detail"] = termination.detail
    elif termination.type in {"blocked", "error"}:
        body["value"] = termination.detail or termination.type
    return body
