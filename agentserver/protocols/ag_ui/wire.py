"""Shapes of the AG-UI routes. Requests are read leniently: every client generation differs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentserver.core.api.fields import MAX_MESSAGES, PlainText, either


class RunAgentBody(BaseModel):
    """The protocol's RunAgentInput. Members that are not named here are ignored."""

    model_config = ConfigDict(extra="ignore")

    thread_id: PlainText | None = Field(
        default=None, validation_alias=either("threadId", "thread_id")
    )
    run_id: PlainText | None = Field(
        default=None,
        validation_alias=either("runId", "run_id"),
        description="Echoed in every event; also the id of the run when it is free",
    )
    parent_run_id: PlainText | None = Field(
        default=None, validation_alias=either("parentRunId", "parent_run_id")
    )
    agent_id: PlainText | None = Field(default=None, validation_alias=either("agentId", "agent_id"))
    protocol_version: Any = Field(
        default=None,
        validation_alias=either("protocolVersion", "protocol_version"),
        description="Decides which outcomes the client understands",
    )
    messages: list[dict[str, Any]] | None = Field(
        default=None,
        max_length=MAX_MESSAGES,
        description="The client's whole history, or only what is new",
    )
    state: Any = Field(default=None, description="An object that is not empty becomes the state")
    context: Any = Field(default=None, description="A list of {description, value}, or an object")
    tools: list[dict[str, Any]] | None = Field(
        default=None, description="Tools that the client runs: name, description, parameters"
    )
    forwarded_props: Any = Field(
        default=None, validation_alias=either("forwardedProps", "forwarded_props")
    )
    resume: Any = Field(
        default=None, description="Answers to interrupts: [{interruptId, status, payload}]"
    )


class AgUiEvent(BaseModel):
    """An event of the AG-UI protocol; `type` decides about the other members."""

    model_config = ConfigDict(extra="allow")

    type: str


class AgUiMessage(BaseModel):
    """A message of the AG-UI protocol, as a client can load it into its agent."""

    model_config = ConfigDict(extra="allow")

    id: str
    role: Literal["developer", "system", "user", "assistant", "tool", "reasoning"]


class AgUiMessageList(BaseModel):
    messages: list[AgUiMessage]
    total: int
    has_more: bool
    next_cursor: str | None


class AgUiInterrupted(BaseModel):
    status: Literal["interrupt_requested"]
    thread_id: str
    superseded_dispatches: int
