"""Runs and jobs as the native API shows them. Members without a value are null, not absent."""

from typing import Any

from agentserver.core.clock import optional_ms, optional_seconds, to_ms, to_seconds
from runs.api.state import (
    CallState,
    Lifecycle,
    full_code,
    run_state,
    termination_body,
    termination_of,
)
from runs.models import Job, Run, ToolCall
from runs.selectors import JobView, RunView
from threads.api.wire import message_body

Json = dict[str, Any]

# Why a run waits, by the kind of its first open question.
WAITING_REASONS = {
    "permission": "tool_permission",
    "client_tool": "external_event",
    "question": "user_input",
    "delegate": "background_tasks",
    "unknown_outcome": "user_input",
}


def run_record(view: RunView) -> Json:
    """Times in Unix seconds, except inside ``state`` and ``waiting`` (milliseconds)."""
    run = view.run
    termination = termination_of(run)
    return {
        "run_id": run.pk,
        "thread_id": run.thread_id,
        "agent_id": run.agent_id,
        "parent_run_id": run.parent_id,
        "job_id": view.job_id or None,
        "dispatch_id": view.job_id or None,
        "status": run.status,
        "termination_code": full_code(run),
        "termination_reason": termination and termination_body(termination),
        "final_output": run.final_output,
        "error_payload": run.error_payload,
        "waiting": _waiting(view),
        "created_at": to_seconds(run.created_at),
        "updated_at": to_seconds(run.updated_at),
        "started_at": optional_seconds(run.started_at),
        "finished_at": optional_seconds(run.finished_at),
        "steps": run.steps,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "config_version": run.config_version,
        "state": _state(view),
    }


def _state(view: RunView) -> Json:
    calls = [CallState.of(call) for call in view.calls]
    return run_state(Lifecycle.of(view.run), calls, revision=view.run.last_seq)


def _waiting(view: RunView) -> Json | None:
    """The open questions; None unless the run waits."""
    if view.run.status != Run.Status.WAITING:
        return None
    waiting = [call for call in view.calls if call.status == ToolCall.Status.SUSPENDED]
    kind = waiting[0].suspension["kind"] if waiting else ""
    return {
        "reason": WAITING_REASONS.get(kind, "external_event"),
        "ticket_ids": [call.ticket_id for call in waiting],
        "tickets": [_ticket(call) for call in waiting],
        "since_dispatch_id": view.job_id or None,
        "message": waiting[0].suspension.get("message") if waiting else None,
        "expires_at": optional_ms(view.run.expires_at),
    }


def _ticket(call: ToolCall) -> Json:
    asked = call.suspension
    return {
        "ticket_id": call.ticket_id,
        "tool_call_id": call.call_id,
        "tool_name": call.name,
        "arguments": call.arguments,
        "kind": asked["kind"],
        "resume_mode": asked["resume_mode"],
        "reason": asked["action"],
        "message": asked.get("message"),
        "response_schema": asked.get("response_schema"),
        "updated_at": to_ms(call.updated_at),
    }


def job_record(view: JobView) -> Json:
    """Times in Unix milliseconds. The claim token is a secret between worker and queue."""
    job, run = view.job, view.job.run
    termination = termination_of(run)
    record: Json = {
        "job_id": job.pk,
        "dispatch_id": job.pk,
        "mailbox_id": job.thread_id,
        "thread_id": job.thread_id,
        "run_id": job.run_id,
        "agent_id": run.agent_id,
        "messages": [message_body(message) for message in view.messages],
        "origin": run.origin,
        "sender_id": run.sender_id or None,
        "parent_run_id": run.parent_id,
        "dedupe_key": job.dedupe_key or None,
        "run_status": run.status,
        "termination": termination and termination_body(termination),
        "run_error": (run.error_payload or {}).get("message"),
        **_queueing(job),
    }
    if run.request_extras:
        record["request_extras"] = run.request_extras
    return record


def _queueing(job: Job) -> Json:
    return {
        "priority": job.priority,
        "generation": job.generation,
        "dispatch_epoch": job.generation,
        "status": job.state,
        "available_at": to_ms(job.available_at),
        "attempt_count": job.attempt_count,
        "max_attempts": job.max_attempts,
        "last_error": job.last_error or None,
        "claim_token": None,
        "claimed_by": job.claimed_by or None,
        "lease_until": optional_ms(job.lease_until),
        "created_at": to_ms(job.created_at),
        "updated_at": to_ms(job.updated_at),
    }
