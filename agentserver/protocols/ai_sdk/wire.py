"""What chat clients send and get. Requests are read tolerantly: unknown members are ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agentserver.core.api.fields import MAX_MESSAGES, PlainText, either


def _trimmed(value: Any) -> Any:
    """Blank counts as absent."""
    return (value.strip() or None) if isinstance(value, str) else value


OptionalId = Annotated[PlainText | None, BeforeValidator(_trimmed)]


class ChatRequest(BaseModel):
    """The body of `DefaultChatTransport`, with the members applications add to it.

    `messages` is the history as the client holds it, or only the newest messages; `message` stands
    for a list of one. The thread is `threadId`, else `id`, else a new one.
    """

    id: OptionalId = Field(default=None, description="The chat's id, which names the thread")
    thread_id: OptionalId = Field(
        default=None, validation_alias=either("threadId", "thread_id"), description="Before `id`"
    )
    agent_id: OptionalId = Field(
        default=None,
        validation_alias=either("agentId", "agent_id"),
        description="Without it the agent of the thread's latest run answers",
    )
    messages: list[dict[str, Any]] = Field(
        default_factory=list, max_length=MAX_MESSAGES, description="UI messages"
    )
    message: dict[str, Any] | None = None
    trigger: str | None = Field(
        default=None, description="`submit-message` (the default) or `regenerate-message`"
    )
    message_id: OptionalId = Field(
        default=None,
        validation_alias=either("messageId", "message_id"),
        description="The message to edit or to generate anew",
    )
    state: dict[str, Any] | None = Field(
        default=None, description="What the page shows; the model reads it, people do not"
    )
    tools: list[dict[str, Any]] | None = Field(
        default=None,
        validation_alias=either("tools", "frontendTools", "frontend_tools"),
        description="Tools that the page runs: name, description and a JSON Schema in parameters",
    )

    @property
    def posted(self) -> list[dict[str, Any]]:
        if self.messages or self.message is None:
            return self.messages
        return [self.message]

    @property
    def regenerates(self) -> bool:
        return (self.trigger or "").startswith("regenerate")


# --- answers -------------------------------------------------------------------------------------
class UIMessageChunk(BaseModel):
    """One chunk of the UI message stream; its other members depend on the type."""

    model_config = ConfigDict(extra="allow")

    type: str


class UIMessagePart(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str


class UIMessage(BaseModel):
    id: str
    role: Literal["system", "user", "assistant"]
    metadata: dict[str, Any] | None = None
    parts: list[UIMessagePart]


class UIMessageList(BaseModel):
    messages: list[UIMessage]
    total: int
    has_more: bool
    next_cursor: str | None


class ChatCancelled(BaseModel):
    status: Literal["cancel_requested"]
    thread_id: str


class ChatInterrupted(BaseModel):
    status: Literal["interrupt_requested"]
    thread_id: str
    superseded_dispatches: int
