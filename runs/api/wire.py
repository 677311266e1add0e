"""What callers send to the runs, mailbox and decision routes. Each member has a camelCase alias."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, model_validator

from agentserver.core.api.fields import MAX_MESSAGES, PlainText, either
from agentserver.core.api.paging import DEFAULT_LIMIT, CursorQuery, Limit
from agentserver.core.errors import BadRequest
from agentserver.core.ids import checked_id, new_id
from runs.models import Job, Run
from runs.services import Decided, Mode
from runs.services.decisions import check_action
from threads.api.wire import INPUT_ROLES, Grouping
from threads.content import Block, text_block
from threads.services import NewMessage

MODE_ALIASES = {
    "steer": Mode.STEER,
    "interrupt": Mode.INTERRUPT,
    "resume": Mode.RESUME,
}
MAX_DECISIONS = 128


def _mode(value: Any) -> Any:
    return MODE_ALIASES.get(value, value) if isinstance(value, str) else value


SubmitMode = Annotated[Mode, BeforeValidator(_mode)]
ToolDefinitions = Annotated[
    list[dict[str, Any]] | None,
    Field(
        default=None,
        validation_alias=either("frontend_tools", "frontendTools", "tools"),
        description="Tools that the caller runs: name, description and a JSON Schema in parameters",
    ),
]


# --- submissions ----------------------------------------------------------------------------------
class InputMessage(BaseModel):
    """A message of a submission. An `id` of the caller's makes sending it again harmless."""

    role: PlainText = Field(description="Others than user, assistant and system are dropped")
    content: str | list[Block] = Field(description="Text, or content blocks")
    id: str | None = None


class RunCreate(BaseModel):
    agent_id: PlainText = Field(validation_alias=either("agent_id", "agentId"))
    thread_id: PlainText | None = Field(
        default=None, validation_alias=either("thread_id", "threadId")
    )
    messages: list[InputMessage] = Field(max_length=MAX_MESSAGES)
    resource_id: Grouping = Field(
        default=None, validation_alias=either("resource_id", "resourceId")
    )
    parent_thread_id: Grouping = Field(
        default=None, validation_alias=either("parent_thread_id", "parentThreadId")
    )
    tools: ToolDefinitions

    @property
    def agent(self) -> str:
        agent_id = self.agent_id.strip()
        if not agent_id:
            raise BadRequest("agent_id cannot be empty")
        return agent_id


class MessagesCreate(BaseModel):
    """Without an agent the one of the thread's latest run answers."""

    agent_id: Grouping = Field(default=None, validation_alias=either("agent_id", "agentId"))
    messages: list[InputMessage] = Field(max_length=MAX_MESSAGES)
    mode: SubmitMode = Mode.QUEUE
    tools: ToolDefinitions


class InputsCreate(BaseModel):
    messages: list[InputMessage] = Field(max_length=MAX_MESSAGES)
    mode: SubmitMode = Mode.QUEUE
    tools: ToolDefinitions


class MailboxPush(BaseModel):
    """A payload with a non-empty `text` is that text, anything else is sent as JSON."""

    payload: JsonValue = None


def usable_messages(given: Sequence[InputMessage], *, mode: Mode = Mode.QUEUE) -> list[NewMessage]:
    """`BadRequest` when nothing remains, except where a waiting run is told to go on."""
    kept = [_new_message(message) for message in given if message.role in INPUT_ROLES]
    if not kept and mode is not Mode.RESUME:
        raise BadRequest("at least one message is required")
    return kept


def _new_message(message: InputMessage) -> NewMessage:
    if isinstance(message.content, str):
        content = [text_block(message.content)]
    else:
        content = [block.model_dump(exclude_unset=True) for block in message.content]
    message_id = new_id() if message.id is None else checked_id(message.id, what="message id")
    return NewMessage(id=message_id, role=message.role, content=content)


def extras_of(tools: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {"frontend_tools": tools} if tools else {}


# --- decisions ------------------------------------------------------------------------------------
class DecisionItem(BaseModel):
    """An answer to one tool call. `error` reports that the caller could not run its own tool."""

    tool_call_id: PlainText = Field(
        validation_alias=either("tool_call_id", "toolCallId"),
        description="The id of the call, or of its ticket",
    )
    action: str = Field(description="`resume` or `cancel`")
    payload: JsonValue = None
    error: str | None = None

    def decided(self) -> Decided:
        return Decided(
            reference=self.tool_call_id,
            action=check_action(self.action),
            payload=self.payload,
            error=self.error,
        )


class DecisionBody(BaseModel):
    """One decision, or several in `decisions`; all of them count or none."""

    decisions: list[DecisionItem] = Field(min_length=1, max_length=MAX_DECISIONS)

    @model_validator(mode="before")
    @classmethod
    def _single(cls, data: Any) -> Any:
        if isinstance(data, dict) and "decisions" not in data:
            return {"decisions": [data]}
        return data


class DecisionRequest(BaseModel):
    """How the body is described: the members of one decision, or a list of them."""

    tool_call_id: str | None = None
    action: str | None = None
    payload: JsonValue = None
    error: str | None = None
    decisions: list[DecisionItem] | None = None


# --- queries --------------------------------------------------------------------------------------
class RunListQuery(CursorQuery):
    status: str = Field(default="", description="`created`, `running`, `waiting` or `done`")

    @property
    def wanted(self) -> str:
        return _checked_status(self.status, Run.Status.values)


class JobListQuery(CursorQuery):
    status: str = Field(default="", description="`Queued`, `Claimed`, `Accepted`, ...")

    @property
    def wanted(self) -> str:
        return _checked_status(self.status, Job.State.values)


class StreamQuery(BaseModel):
    close_on_suspend: bool = Field(
        default=False,
        validation_alias=either("close_on_suspend", "closeOnSuspend"),
        description="End the stream when the run waits for a decision",
    )


class DeleteQuery(BaseModel):
    child_strategy: Literal["detach", "reject", "cascade"] = Field(
        default="detach", validation_alias=either("child_strategy", "childStrategy")
    )


class EventListQuery(BaseModel):
    limit: Limit = Field(default=DEFAULT_LIMIT, description="Entries per page, clamped into 1..200")
    cursor: str = Field(default="", description="`next_cursor`, or the `cursor` of an entry")


class EventStreamQuery(BaseModel):
    cursor: str = Field(
        default="", description="Where to start; 0 is the beginning. Goes before Last-Event-ID"
    )


def _checked_status(status: str, known: Sequence[str]) -> str:
    if status and status not in known:
        raise BadRequest(f"invalid status filter: {status}")
    return status
