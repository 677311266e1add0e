"""Requests of A2A 1.0 (sections 3.1, 3.2 and 4.1) as values, read from their JSON.

JSON is ProtoJSON: names in camelCase or snake_case, null means absent (but for the value of a data
part), unknown members are ignored. Each function raises `InvalidParams` with every broken member at
once. Values of ``data`` and ``metadata`` stay exactly what was parsed.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from agentserver_a2a.members import Members
from agentserver_a2a.push.fields import columns_of
from agentserver_a2a.states import STATES

Json = dict[str, Any]
Kind = Literal["text", "raw", "url", "data"]

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 100
KINDS: Final[tuple[Kind, ...]] = ("text", "raw", "url", "data")


@dataclass(frozen=True, slots=True)
class Part:
    """`value` is the text, the base64 text (standard alphabet, padded), the URL or the data."""

    kind: Kind
    value: Any
    filename: str | None = None
    media_type: str | None = None
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class Message:
    message_id: str
    parts: tuple[Part, ...]
    context_id: str | None = None
    task_id: str | None = None
    metadata: Json | None = None
    extensions: tuple[str, ...] = ()
    reference_task_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """`history_length` None: everything. `push_config` is as it was sent."""

    accepted_output_modes: tuple[str, ...] = ()
    history_length: int | None = None
    return_immediately: bool = False
    push_config: Json | None = None


@dataclass(frozen=True, slots=True)
class SendRequest:
    message: Message
    tenant: str | None = None
    configuration: Configuration = field(default_factory=Configuration)
    metadata: Json | None = None

    def with_tenant(self, tenant: str | None) -> "SendRequest":
        return replace(self, tenant=tenant)


@dataclass(frozen=True, slots=True)
class TaskReference:
    """CancelTask and SubscribeToTask."""

    id: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class GetTask:
    id: str
    tenant: str | None = None
    history_length: int | None = None


@dataclass(frozen=True, slots=True)
class ListTasks:
    """`status` is a full name (``TASK_STATE_WORKING``)."""

    tenant: str | None = None
    context_id: str | None = None
    status: str | None = None
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    history_length: int | None = None
    status_timestamp_after: datetime | None = None
    include_artifacts: bool = False


# --- requests -------------------------------------------------------------------------------------
def send_request(data: Any) -> SendRequest:
    """SendMessage and SendStreamingMessage."""
    given = Members.of(data)
    request = SendRequest(
        tenant=given.id("tenant"),
        message=_message(given.object("message", required=True)),
        configuration=_configuration(given.object("configuration")),
        metadata=given.json_object("metadata"),
    )
    given.check()
    return request


def task_reference(data: Any) -> TaskReference:
    given = Members.of(data)
    reference = TaskReference(id=given.id("id", required=True) or "", tenant=given.id("tenant"))
    given.json_object("metadata")
    given.check()
    return reference


def get_task(data: Any, *, from_query: bool = False) -> GetTask:
    """``from_query``: numbers and booleans are given as text."""
    given = Members.of(data, from_query=from_query)
    request = GetTask(
        id=given.id("id", required=True) or "",
        tenant=given.id("tenant"),
        history_length=given.number("historyLength"),
    )
    given.check()
    return request


def list_tasks(data: Any, *, from_query: bool = False) -> ListTasks:
    given = Members.of(data, from_query=from_query)
    size = given.number("pageSize", minimum=1, maximum=MAX_PAGE_SIZE)
    request = ListTasks(
        tenant=given.id("tenant"),
        context_id=given.id("contextId"),
        status=_state(given),
        page_size=DEFAULT_PAGE_SIZE if size is None else size,
        page_token=given.text("pageToken") or "",
        history_length=given.number("historyLength"),
        status_timestamp_after=given.timestamp("statusTimestampAfter"),
        include_artifacts=given.flag("includeArtifacts"),
    )
    given.check()
    return request


def _state(given: Members) -> str | None:
    """Also ``working`` and ``input-required``: what people type. Unspecified asks for nothing."""
    text = given.text("status")
    if not text:
        return None
    name = text.upper().replace("-", "_").removeprefix("TASK_STATE_")
    if name == "UNSPECIFIED":
        return None
    state = f"TASK_STATE_{name}"
    if state not in STATES:
        given.complain("status", f"unknown state {text[:40]!r}")
        return None
    return state


# --- what they are made of ------------------------------------------------------------------------
def _configuration(given: Members | None) -> Configuration:
    if given is None:
        return Configuration()
    push = "taskPushNotificationConfig"
    if not given.has(push):
        push = "pushNotificationConfig"
    webhook = given.object(push)
    if webhook is not None:
        # Only for what is wrong with it: that is told together with all the rest.
        columns_of(webhook)
    return Configuration(
        accepted_output_modes=given.texts("acceptedOutputModes"),
        history_length=given.number("historyLength"),
        return_immediately=given.flag("returnImmediately"),
        push_config=given.json_object(push),
    )


def _message(given: Members | None) -> Message:
    if given is None:
        return Message("", ())
    if given.text("role", required=True) not in {None, "ROLE_USER"}:
        given.complain("role", "must be ROLE_USER")
    parts = given.objects("parts", required=True)
    return Message(
        message_id=given.foreign_id("messageId") or "",
        context_id=given.id("contextId"),
        task_id=given.id("taskId"),
        parts=tuple(_part(each) for each in parts),
        metadata=given.json_object("metadata"),
        extensions=given.texts("extensions"),
        reference_task_ids=given.texts("referenceTaskIds"),
    )


def _part(given: Members) -> Part:
    kinds = [kind for kind in KINDS if given.has(kind, null=kind == "data")]
    if len(kinds) != 1:
        found = " and ".join(kinds) if kinds else "none of them"
        given.complain("", f"exactly one of text, raw, url and data is required, not {found}")
    # Each of several is looked at: what else is wrong is told at once.
    values = [_value(given, kind) for kind in kinds] or [None]
    return Part(
        kind=kinds[0] if kinds else "text",
        value=values[0],
        filename=given.text("filename"),
        media_type=given.text("mediaType"),
        metadata=given.json_object("metadata"),
    )


def _value(given: Members, kind: Kind) -> Any:
    if kind == "data":
        return given.raw("data")
    if kind == "raw":
        return given.base64("raw")
    return given.url("url") if kind == "url" else given.text("text")


def part_json(part: Part) -> Json:
    """The part as it is sent out."""
    known = {
        "filename": part.filename,
        "mediaType": part.media_type,
        "metadata": part.metadata,
    }
    return {part.kind: part.value} | {key: value for key, value in known.items() if value}
