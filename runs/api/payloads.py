"""Run events that become native events one to one, without looking at any other event."""

from collections.abc import Callable, Mapping
from typing import Any

from runs.api.state import code_of, termination_body, ticket_body
from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    AnyEvent,
    ArtifactUpdated,
    DataProduced,
    ErrorReported,
    Event,
    FileProduced,
    InferenceCompleted,
    InputAccepted,
    ReasoningDelta,
    ReasoningEnded,
    RunFinished,
    RunStarted,
    RunSuspended,
    SourceCited,
    StateDelta,
    StateSnapshot,
    Termination,
    TextDelta,
    ToolCallDecided,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
)

Payload = dict[str, Any]

PROGRESS = "tool-call-progress"
CANCELLED = "the call was cancelled"
_RESULT_STATUS = {"succeeded": "success", "suspended": "pending"}


def simple_payload(event: AnyEvent) -> Payload | None:
    """The native event, or None for an event that the native API does not show."""
    translate = _TRANSLATIONS.get(type(event))
    return translate(event) if translate else None


def run_start(event: RunStarted) -> Payload:
    return _present(
        "run_start",
        thread_id=event.thread_id,
        run_id=event.run_id,
        parent_run_id=event.parent_run_id,
    )


def run_finish(
    event: RunFinished | RunSuspended, *, termination: Termination, result: Payload | None
) -> Payload:
    payload: Payload = {
        "event_type": "run_finish",
        "thread_id": event.thread_id,
        "run_id": event.run_id,
    }
    if result is not None:
        payload["result"] = result
    return {**payload, "termination": termination_body(termination)}


def run_result(event: RunFinished) -> Payload | None:
    """``{response, status, status_reason, output?}``; an error leaves no result."""
    if event.termination.type == "error":
        return None
    result: Payload = {
        "response": event.response or "",
        "status": "done",
        "status_reason": code_of(event.termination),
    }
    return result if event.output is None else {**result, "output": event.output}


def inference_complete(event: InferenceCompleted) -> Payload:
    return _present(
        "inference_complete",
        model=event.model,
        usage=event.usage or None,
        duration_ms=event.duration_ms,
    )


def tool_call_ready(event: ToolCallReady) -> Payload:
    return {
        "event_type": "tool_call_ready",
        "id": event.call_id,
        "name": event.name,
        "arguments": event.arguments,
    }


def tool_call_progress(event: ToolCallProgress, *, ids: Mapping[str, str]) -> Payload:
    """An activity whose content follows ``tool-call-progress.v1``; ``ids`` are the run's."""
    content = _present(
        None,
        schema="tool-call-progress.v1",
        node_id=f"tool_call:{event.call_id}",
        call_id=event.call_id,
        tool_name=event.name,
        status=event.status,
        progress=event.progress,
        loaded=event.loaded,
        total=event.total,
        message=event.message,
        child_run_id=event.child_run_id,
        **ids,
    )
    return {
        "event_type": "activity_snapshot",
        "message_id": event.call_id,
        "activity_type": PROGRESS,
        "content": content,
        "replace": True,
    }


def tool_call_finished(event: ToolCallFinished) -> Payload:
    """``tool_call_resumed`` for the outcome of a decision, else ``tool_call_done``."""
    if event.resumed and event.outcome != "suspended":
        return {
            "event_type": "tool_call_resumed",
            "target_id": event.call_id,
            "result": _resumed_result(event),
        }
    return {
        "event_type": "tool_call_done",
        "id": event.call_id,
        "message_id": event.result_message_id,
        "result": _result(event),
        "outcome": event.outcome if event.outcome in _RESULT_STATUS else "failed",
    }


def _resumed_result(event: ToolCallFinished) -> Any:
    if event.outcome == "failed":
        return {"error": event.error}
    if event.metadata:
        return {"data": event.data, "metadata": event.metadata}
    return event.data


def _result(event: ToolCallFinished) -> Payload:
    result: Payload = {
        "tool_name": event.name,
        "status": _RESULT_STATUS.get(event.outcome, "error"),
        "data": event.data,
        "message": _message(event),
    }
    if event.suspension:
        result["suspension"] = ticket_body(event.suspension)
    if event.metadata:
        result["metadata"] = event.metadata
    return result


def _message(event: ToolCallFinished) -> str | None:
    if event.outcome == "suspended":
        return f"Tool '{event.name}' suspended: awaiting decision"
    if event.outcome == "cancelled":
        return event.message or event.error or CANCELLED
    return event.error if event.error is not None else event.message


def _present(event_type: str | None, **members: Any) -> Payload:
    """Members without a value are left out."""
    head: Payload = {"event_type": event_type} if event_type else {}
    return head | {name: value for name, value in members.items() if value is not None}


def _own(event: Event) -> Payload:
    """An event that only this server knows goes out under its own name, with all its members."""
    members = event.model_dump(exclude_none=True)
    return {"event_type": members.pop("type"), **members}


def _reasoning_ended(event: ReasoningEnded) -> Payload | None:
    if event.signature is None:
        return None
    return {"event_type": "reasoning_encrypted_value", "encrypted_value": event.signature}


def _activity_snapshot(event: ActivitySnapshot) -> Payload:
    return {
        "event_type": "activity_snapshot",
        "message_id": event.activity_id,
        "activity_type": event.activity_type,
        "content": event.content,
        "replace": event.replace,
    }


def _activity_delta(event: ActivityDelta) -> Payload:
    return {
        "event_type": "activity_delta",
        "message_id": event.activity_id,
        "activity_type": event.activity_type,
        "patch": event.patch,
    }


def _tool_call_delta(event: ToolCallDelta) -> Payload:
    return {"event_type": "tool_call_delta", "id": event.call_id, "args_delta": event.delta}


def _tool_call_output(event: ToolCallOutput) -> Payload:
    return {
        "event_type": "tool_call_stream_delta",
        "id": event.call_id,
        "name": event.name,
        "delta": event.delta,
    }


_TRANSLATIONS: dict[type, Callable[[Any], Payload | None]] = {
    TextDelta: lambda event: {"event_type": "text_delta", "delta": event.delta},
    ReasoningDelta: lambda event: {"event_type": "reasoning_delta", "delta": event.delta},
    ReasoningEnded: _reasoning_ended,
    ToolCallDelta: _tool_call_delta,
    ToolCallOutput: _tool_call_output,
    ActivitySnapshot: _activity_snapshot,
    ActivityDelta: _activity_delta,
    ErrorReported: lambda event: _present("error", message=event.message, code=event.code),
    # The run's own `state_snapshot` is another thing: these speak of the thread's shared state.
    StateSnapshot: lambda event: {
        "event_type": "thread_state_snapshot",
        "snapshot": event.snapshot,
    },
    StateDelta: lambda event: {"event_type": "thread_state_delta", "delta": event.delta},
    ToolCallStarted: lambda event: {
        "event_type": "tool_call_start",
        "id": event.call_id,
        "name": event.name,
    },
    ArtifactUpdated: _own,
    DataProduced: _own,
    FileProduced: _own,
    InputAccepted: _own,
    SourceCited: _own,
    ToolCallDecided: _own,
}
