"""What several events carry: the base of them all, open questions, and why a run ended."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Usage = dict[str, int]
"""Token counts: prompt_tokens, completion_tokens, total_tokens, cache_read_tokens,
cache_creation_tokens, thinking_tokens; absent where the model reported none."""


class Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Suspension(BaseModel):
    """What a waiting tool call asks a person or a client.

    `kind` tells faces who can answer: ``permission`` (approve or refuse the call), ``client_tool``
    (the client runs it and returns its result), ``question`` (the tool itself asks;
    `response_schema` describes the answer), ``delegate`` (a child run waits),
    ``unknown_outcome`` (a crash left it open whether the call took effect).
    """

    model_config = ConfigDict(frozen=True)

    ticket_id: str
    kind: Literal["permission", "client_tool", "question", "delegate", "unknown_outcome"]
    action: str
    message: str | None = None
    parameters: JsonValue = None
    response_schema: dict[str, JsonValue] | None = None
    pending_id: str
    pending_name: str
    pending_arguments: JsonValue = None
    resume_mode: Literal[
        "replay_tool_call", "use_decision_as_tool_result", "pass_decision_to_tool"
    ] = "replay_tool_call"
    expires_at: int | None = None


class Termination(BaseModel):
    """Why a run ended or waits (native API, termination reasons)."""

    model_config = ConfigDict(frozen=True)

    type: Literal[
        "natural_end", "behavior_requested", "stopped", "cancelled", "blocked", "error", "suspended"
    ]
    code: str | None = None
    detail: str | None = None
