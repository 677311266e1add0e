"""Shapes of threads and messages on the native API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from agentserver.core.api.fields import PlainObject, PlainText, Unsigned, either
from agentserver.core.api.paging import CursorQuery
from agentserver.core.clock import to_ms
from agentserver.core.errors import BadRequest
from agentserver.core.ids import MAX_LENGTH, checked_id
from threads.content import Block
from threads.models import Message, Thread
from threads.selectors import MessageFilter

INPUT_ROLES = ("user", "assistant", "system")
# What else a native reader may see of a message's metadata.
PUBLIC_METADATA = ("sender_agent_id", "compaction")
_GROUPING = ("resource_id", "resourceId", "parent_thread_id", "parentThreadId")


def _trimmed(value: Any) -> Any:
    """Blank counts as absent."""
    return (value.strip() or None) if isinstance(value, str) else value


Grouping = Annotated[PlainText | None, BeforeValidator(_trimmed)]


def checked_resource(value: str | None) -> str | None:
    """A grouping id is free text: e-mail addresses and paths fit, control characters do not."""
    if value is not None and (len(value) > MAX_LENGTH or not value.isprintable()):
        raise BadRequest(f"invalid resource_id: 1 to {MAX_LENGTH} printable characters")
    return value


def checked_parent(value: str | None) -> str | None:
    return None if value is None else checked_id(value, what="parent_thread_id")


# --- requests ------------------------------------------------------------------------------------
class ThreadCreate(BaseModel):
    title: PlainText | None = None
    resource_id: Grouping = Field(
        default=None, validation_alias=either("resource_id", "resourceId")
    )
    parent_thread_id: Grouping = Field(
        default=None, validation_alias=either("parent_thread_id", "parentThreadId")
    )
    custom: PlainObject | None = Field(default=None, description="Free members of the thread")
    metadata: PlainObject | None = Field(
        default=None, description="`title` and `custom` as in an answer; others join `custom`"
    )

    def merged(self) -> tuple[str | None, dict[str, Any]]:
        """Title and custom members, wherever in the body they were."""
        extra = dict(self.metadata or {})
        for ours in ("created_at", "updated_at"):
            extra.pop(ours, None)
        title = extra.pop("title", None) if isinstance(extra.get("title"), str) else None
        nested = extra.pop("custom", {}) if isinstance(extra.get("custom"), dict) else {}
        return self.title if self.title is not None else title, {
            **extra,
            **nested,
            **(self.custom or {}),
        }


class ThreadPatch(BaseModel):
    """Absent members stay, blank ids count as absent. Both ids may be null to clear them."""

    title: PlainText | None = None
    custom: PlainObject | None = Field(default=None, description="Merged key by key")
    resource_id: Grouping = Field(
        default=None, validation_alias=either("resource_id", "resourceId")
    )
    parent_thread_id: Grouping = Field(
        default=None, validation_alias=either("parent_thread_id", "parentThreadId")
    )

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        blank = {name for name in _GROUPING if isinstance(data.get(name), str)}
        blank = {name for name in blank if not data[name].strip()}
        return {name: value for name, value in data.items() if name not in blank}


class ThreadListQuery(CursorQuery):
    resource_id: Grouping = Field(
        default=None, validation_alias=either("resource_id", "resourceId")
    )
    parent_thread_id: Grouping = Field(
        default=None, validation_alias=either("parent_thread_id", "parentThreadId")
    )
    root: bool = Field(default=False, description="Only threads without a parent")


class MessageListQuery(CursorQuery):
    visibility: str = Field(
        default="", description="`all`, `internal`, or external messages for anything else"
    )
    after: Unsigned | None = Field(default=None, description="Only messages numbered above")
    before: Unsigned | None = Field(default=None, description="Only messages numbered below")
    order: Literal["asc", "desc"] = "asc"
    run_id: str = Field(default="", validation_alias=either("run_id", "runId"))

    @property
    def wanted(self) -> MessageFilter:
        return MessageFilter(
            visibility=self.audience,
            after=self.after,
            before=self.before,
            run_id=self.run_id,
            order=self.order,
        )

    @property
    def audience(self) -> Literal["all", "internal", "external"]:
        wanted = self.visibility.lower()
        if wanted == "all":
            return "all"
        return "internal" if wanted == "internal" else "external"


# --- answers -------------------------------------------------------------------------------------
class ThreadMetadataBody(BaseModel):
    """Times in Unix milliseconds; members without a value are left out."""

    created_at: int
    updated_at: int
    title: str | None = None
    custom: dict[str, Any] | None = None


class ThreadBody(BaseModel):
    id: str
    metadata: ThreadMetadataBody
    resource_id: str | None = None
    parent_thread_id: str | None = None


class ThreadList(BaseModel):
    items: list[str]
    offset: int
    limit: int
    total: int
    has_more: bool
    next_cursor: str | None


class ToolCallBody(BaseModel):
    id: str
    name: str
    arguments: Any


class MessageMetadataBody(BaseModel):
    run_id: str | None = None
    step_index: int | None = None
    sender_agent_id: str | None = None
    compaction: Any = None


class MessageBody(BaseModel):
    """Members without a value are left out; `visibility` appears only on internal messages."""

    id: str
    role: Literal["system", "user", "assistant", "tool"]
    content: list[Block]
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = None
    visibility: Literal["internal"] | None = None
    metadata: MessageMetadataBody | None = None


class MessageList(BaseModel):
    messages: list[MessageBody]
    total: int
    has_more: bool
    next_cursor: str | None


def thread_body(thread: Thread) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "created_at": to_ms(thread.created_at),
        "updated_at": to_ms(thread.updated_at),
    }
    if thread.title is not None:
        metadata["title"] = thread.title
    if thread.custom:
        metadata["custom"] = thread.custom
    body: dict[str, Any] = {"id": thread.pk, "metadata": metadata}
    if thread.resource_id:
        body["resource_id"] = thread.resource_id
    if thread.parent_id:
        body["parent_thread_id"] = thread.parent_id
    return body


def message_body(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": message.message_id,
        "role": message.role,
        "content": message.content,
    }
    if message.tool_calls:
        body["tool_calls"] = message.tool_calls
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    if message.visibility == Message.Visibility.INTERNAL:
        body["visibility"] = "internal"
    metadata = _message_metadata(message)
    return {**body, "metadata": metadata} if metadata else body


def _message_metadata(message: Message) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if message.run_id:
        metadata["run_id"] = message.run_id
    if message.step_index is not None:
        metadata["step_index"] = message.step_index
    public = {name: message.metadata[name] for name in PUBLIC_METADATA if name in message.metadata}
    return metadata | public
