"""The shapes of answers, for OpenAPI. What is sent is made in `records` and `native`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from runs.models import Job, Run
from threads.api.wire import MessageBody, ThreadBody


class TerminationBody(BaseModel):
    """`value` is `{code, detail?}` for `stopped`, a text for `blocked` and `error`, else absent."""

    type: Literal[
        "natural_end", "behavior_requested", "stopped", "cancelled", "blocked", "error", "suspended"
    ]
    value: dict[str, str] | str | None = None


class TicketBody(BaseModel):
    """An open question of a run. `ticket_id` and `tool_call_id` both name it in a decision."""

    ticket_id: str
    tool_call_id: str
    tool_name: str
    arguments: JsonValue
    kind: Literal["permission", "client_tool", "question", "delegate", "unknown_outcome"]
    resume_mode: str
    reason: str
    message: str | None
    response_schema: dict[str, JsonValue] | None
    updated_at: int


class WaitingBody(BaseModel):
    reason: Literal[
        "tool_permission",
        "user_input",
        "background_tasks",
        "external_event",
        "rate_limit",
        "manual_pause",
    ]
    ticket_ids: list[str]
    tickets: list[TicketBody]
    since_dispatch_id: str | None
    message: str | None
    expires_at: int | None


class RunStateBody(BaseModel):
    """`revision` only grows. `extensions` holds `__runtime.run_lifecycle` and
    `__runtime.tool_call_states`."""

    revision: int
    extensions: dict[str, JsonValue]


class RunBody(BaseModel):
    """Times in Unix seconds."""

    run_id: str
    thread_id: str
    agent_id: str
    parent_run_id: str | None
    job_id: str | None
    dispatch_id: str | None
    status: Run.Status
    termination_code: str | None
    termination_reason: TerminationBody | None
    final_output: str | None
    error_payload: dict[str, str] | None
    waiting: WaitingBody | None
    created_at: int
    updated_at: int
    started_at: int | None
    finished_at: int | None
    steps: int
    input_tokens: int
    output_tokens: int
    config_version: int
    state: RunStateBody


class RunList(BaseModel):
    items: list[RunBody]
    total: int
    has_more: bool
    next_cursor: str | None


class ActiveRun(BaseModel):
    active_run: RunBody | None


class JobBody(BaseModel):
    """Times in Unix milliseconds. `claim_token` is never shown. `request_extras` appears only when
    the request brought some."""

    job_id: str
    dispatch_id: str
    mailbox_id: str
    thread_id: str
    run_id: str
    agent_id: str
    messages: list[MessageBody]
    origin: Run.Origin
    sender_id: str | None
    parent_run_id: str | None
    dedupe_key: str | None
    run_status: Run.Status
    termination: TerminationBody | None
    run_error: str | None
    priority: int
    generation: int
    dispatch_epoch: int
    status: Job.State
    available_at: int
    attempt_count: int
    max_attempts: int
    last_error: str | None
    claim_token: None
    claimed_by: str | None
    lease_until: int | None
    created_at: int
    updated_at: int
    request_extras: dict[str, Any] | None = None


class JobList(BaseModel):
    items: list[JobBody]
    offset: int
    limit: int
    total: int
    has_more: bool
    next_cursor: str | None


class ThreadSummary(BaseModel):
    id: str
    title: str | None
    updated_at: int
    agent_id: str | None
    resource_id: str | None
    parent_thread_id: str | None


class SummaryList(BaseModel):
    items: list[ThreadSummary]
    offset: int
    limit: int
    total: int
    has_more: bool
    next_cursor: str | None


class ThreadWithRuns(ThreadBody):
    """`latest_run_updated_at` in Unix milliseconds; members without a value are left out."""

    active_run_id: str | None = None
    open_run_id: str | None = None
    latest_run_id: str | None = None
    latest_run_updated_at: int | None = None


class MessagesAccepted(BaseModel):
    """`steered`: the messages joined a run that is under way; there is no job of their own then."""

    status: Literal["running", "queued"]
    thread_id: str
    run_id: str
    job_id: str | None
    dispatch_id: str | None
    steered: bool


class MailboxAccepted(BaseModel):
    thread_id: str
    run_id: str
    job_id: str | None
    dispatch_id: str | None


class InputsAccepted(BaseModel):
    """`new_run_id` is the run that answers; with mode `steer` it may be one that is under way."""

    status: Literal["inputs_accepted"]
    run_id: str
    new_run_id: str
    job_id: str | None
    dispatch_id: str | None
    steered: bool


class RunStopped(BaseModel):
    status: Literal["cancel_requested"]
    run_id: str


class ThreadStopped(BaseModel):
    status: Literal["cancel_requested"]
    thread_id: str


class ThreadInterrupted(BaseModel):
    """How many queued jobs were dropped; the run that was executing is not among them."""

    status: Literal["interrupt_requested"]
    thread_id: str
    superseded_jobs: int
    superseded_dispatches: int


class _Decided(BaseModel):
    status: Literal["decision_submitted"]
    tool_call_id: str
    tool_call_ids: list[str] | None = None


class RunDecided(_Decided):
    """`tool_call_ids` answers a request with several decisions."""

    run_id: str


class ThreadDecided(_Decided):
    """`tool_call_ids` answers a request with several decisions."""

    thread_id: str


class NativeEvent(BaseModel):
    """One event of a run; the other members depend on `event_type`."""

    model_config = ConfigDict(extra="allow")

    event_type: Literal[
        "run_start",
        "step_start",
        "text_delta",
        "reasoning_delta",
        "reasoning_encrypted_value",
        "tool_call_start",
        "tool_call_delta",
        "tool_call_ready",
        "tool_call_stream_delta",
        "tool_call_decided",
        "tool_call_done",
        "tool_call_resumed",
        "activity_snapshot",
        "activity_delta",
        "inference_complete",
        "state_snapshot",
        "thread_state_snapshot",
        "thread_state_delta",
        "artifact_updated",
        "data_produced",
        "file_produced",
        "source_cited",
        "input_accepted",
        "step_end",
        "stream_reset",
        "run_finish",
        "error",
    ]


class EventEntry(BaseModel):
    """One native event at its place. `created_at` in Unix milliseconds."""

    cursor: str
    seq: int
    run_id: str
    thread_id: str
    event_type: str
    payload: NativeEvent
    created_at: int


class EventList(BaseModel):
    items: list[EventEntry]
    next_cursor: str | None
    has_more: bool
