"""The shapes of A2A 1.0 as the API documentation shows them. Requests are checked elsewhere
(`agentserver_a2a.wire`), so that one answer names everything that is wrong with them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

State = Literal[
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_AUTH_REQUIRED",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_REJECTED",
]
Metadata = dict[str, Any]


class Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class A2APart(Shape):
    """Exactly one of `text`, `raw`, `url` and `data`."""

    text: str = ""
    raw: str = Field(default="", description="Bytes in base64")
    url: str = ""
    data: Any = Field(default=None, description="Any JSON value, kept as it is")
    filename: str = ""
    media_type: str = ""
    metadata: Metadata = Field(default_factory=dict)


class A2AMessage(Shape):
    message_id: str
    role: Literal["ROLE_USER", "ROLE_AGENT"]
    parts: list[A2APart] = Field(min_length=1)
    context_id: str = Field(default="", description="The conversation: the id of a thread")
    task_id: str = Field(default="", description="The task this goes on with")
    metadata: Metadata = Field(default_factory=dict)
    extensions: list[str] = Field(default_factory=list)
    reference_task_ids: list[str] = Field(default_factory=list)


class A2ATaskStatus(Shape):
    state: State
    message: A2AMessage | None = Field(default=None, description="The question, or the last word")
    timestamp: str = Field(default="", description="RFC 3339, UTC, milliseconds")


class A2AArtifact(Shape):
    artifact_id: str
    name: str = ""
    description: str = ""
    parts: list[A2APart] = Field(min_length=1)
    metadata: Metadata = Field(default_factory=dict)


class A2ATask(Shape):
    """A run as a task: its context is the thread, its tenant the agent."""

    id: str
    context_id: str
    status: A2ATaskStatus
    artifacts: list[A2AArtifact] = Field(default_factory=list)
    history: list[A2AMessage] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)


class A2ASendResult(Shape):
    """A task; or a message, from agents that answer without one."""

    task: A2ATask | None = None
    message: A2AMessage | None = None


class A2AEvent(Shape):
    """Exactly one of the members. The first event of a stream is the task as it stands."""

    task: A2ATask | None = None
    message: A2AMessage | None = None
    status_update: dict[str, Any] | None = None
    artifact_update: dict[str, Any] | None = None


class A2APushAuthentication(Shape):
    scheme: str
    credentials: str = ""


class A2APushConfig(Shape):
    url: str = Field(description="Gets each event of the task as a POST of its own")
    id: str = ""
    task_id: str = ""
    tenant: str = ""
    token: str = Field(default="", description="Sent as `X-A2A-Notification-Token`")
    authentication: A2APushAuthentication | None = None


class A2APushConfigList(Shape):
    configs: list[A2APushConfig]
    next_page_token: str = ""


class A2ASendConfiguration(Shape):
    accepted_output_modes: list[str] = Field(default_factory=list)
    history_length: int | None = Field(default=None, ge=0, le=1_000_000)
    return_immediately: bool = False
    task_push_notification_config: A2APushConfig | None = None


class A2ASendRequest(Shape):
    message: A2AMessage
    configuration: A2ASendConfiguration | None = None
    metadata: Metadata = Field(default_factory=dict)
    tenant: str = Field(default="", description="The id of an agent; that of the path by default")


class A2ACancelRequest(Shape):
    metadata: Metadata = Field(default_factory=dict)
    tenant: str = ""


class A2ATaskQuery(Shape):
    history_length: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="Only so many of the newest messages; 0 leaves the history out",
    )


class A2ATaskListQuery(A2ATaskQuery):
    context_id: str = Field(default="", description="Only the tasks of this context")
    status: State | None = Field(default=None, description="Only tasks in this state")
    page_size: int = Field(default=50, ge=1, le=100)
    page_token: str = Field(default="", description="The `nextPageToken` of the page before")
    status_timestamp_after: str = Field(
        default="", description="Only tasks whose state changed at this time (RFC 3339) or later"
    )
    include_artifacts: bool = False


class A2APushListQuery(Shape):
    page_size: int = Field(default=50, ge=1, le=100)
    page_token: str = ""


class A2ATaskList(Shape):
    tasks: list[A2ATask]
    next_page_token: str = Field(description="Empty on the last page")
    page_size: int
    total_size: int = Field(description="Of all pages")


class A2ANothing(Shape):
    """An empty object."""


class A2AInterface(Shape):
    url: str
    protocol_binding: str
    protocol_version: str
    tenant: str = ""


class A2ASkill(Shape):
    id: str
    name: str
    description: str
    tags: list[str]
    examples: list[str] = Field(default_factory=list)


class A2ACard(Shape):
    """Who the server is, how it is spoken to, and a skill for each agent."""

    name: str
    description: str
    version: str
    supported_interfaces: list[A2AInterface]
    provider: dict[str, str]
    capabilities: dict[str, Any]
    security_schemes: dict[str, Any] = Field(default_factory=dict)
    security_requirements: list[dict[str, Any]] = Field(default_factory=list)
    default_input_modes: list[str]
    default_output_modes: list[str]
    skills: list[A2ASkill]


class A2ARpcRequest(BaseModel):
    jsonrpc: Literal["2.0"]
    id: str | int | None = None
    method: str = Field(description="`SendMessage`, `GetTask`, ... as in the A2A specification")
    params: dict[str, Any] = Field(default_factory=dict, description="As the body of the REST form")


class A2ARpcAnswer(BaseModel):
    jsonrpc: Literal["2.0"]
    id: str | int | float | None = None
    result: Any = None
    error: dict[str, Any] | None = None


class A2AErrorStatus(BaseModel):
    code: int
    status: str = Field(description="The name of the google.rpc code")
    message: str
    details: list[dict[str, Any]] = Field(description="ErrorInfo with `reason`; BadRequest")


class A2AErrorBody(BaseModel):
    error: A2AErrorStatus
