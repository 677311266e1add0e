"""Rows for pages to show: written as the engine leaves them, without running it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from agentserver.core.clock import now, now_ms
from runs.models import Job, Run, RunEvents, ToolCall
from threads.models import Message, Thread

USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


def make_thread(**columns: Any) -> Thread:
    return Thread.objects.create(**{"title": "A question of sums", **columns})


def make_run(thread: Thread, **columns: Any) -> Run:
    """A completed one, unless the columns say otherwise."""
    began = now() - timedelta(minutes=2)
    done = {
        "agent_id": "adder",
        "status": Run.Status.DONE,
        "termination_code": "natural",
        "started_at": began,
        "finished_at": began + timedelta(seconds=4),
        "steps": 2,
        "input_tokens": 240,
        "output_tokens": 60,
        "cost_usd": Decimal("0.00042"),
        "model_name": "default",
        "turn": 1,
        "attempt": 1,
    }
    return Run.objects.create(thread=thread, **{**done, **columns})


def make_job(run: Run, **columns: Any) -> Job:
    return Job.objects.create(
        thread=run.thread, run=run, **{"state": Job.State.ACCEPTED, **columns}
    )


def make_messages(run: Run) -> None:
    """The user asks, the model calls a tool, reads its answer and says so."""
    common = {"thread": run.thread, "run_id": run.pk}
    call = {"id": "call-1", "name": "demo_add", "arguments": {"a": 2, "b": 3}}
    Message.objects.create(
        seq=1, role="user", content=[{"type": "text", "text": "What is 2 + 3?"}], **common
    )
    Message.objects.create(seq=2, role="assistant", tool_calls=[call], step_index=0, **common)
    Message.objects.create(
        seq=3,
        role="tool",
        tool_call_id="call-1",
        content=[{"type": "text", "text": "5"}],
        step_index=0,
        **common,
    )
    Message.objects.create(
        seq=4,
        role="assistant",
        content=[{"type": "text", "text": "The sum is five."}],
        step_index=1,
        **common,
    )


def waiting_call(run: Run, **columns: Any) -> ToolCall:
    """A call that needs an approval."""
    suspension = {
        "ticket_id": "perm_call-9",
        "kind": "permission",
        "action": "tool:PermissionConfirm",
        "message": "Permission required for tool 'delete_file'",
        "parameters": {"path": "reports/old.txt"},
        "pending_id": "perm_call-9",
        "pending_name": "permission_confirm",
        "pending_arguments": {"path": "reports/old.txt"},
        "resume_mode": "replay_tool_call",
    }
    return ToolCall.objects.create(
        run=run,
        call_id="call-9",
        step=0,
        name="delete_file",
        arguments={"path": "reports/old.txt"},
        status=ToolCall.Status.SUSPENDED,
        suspension={**suspension, **columns.pop("suspension", {})},
        ticket_id="perm_call-9",
        **columns,
    )


def make_events(run: Run) -> None:
    """Two steps: one that calls a tool, one that answers."""
    events: list[dict[str, Any]] = [
        {"type": "run_started", "thread_id": run.thread_id, "run_id": run.pk, "agent_id": "adder",
         "attempt": 1},
        {"type": "step_started", "step": 0, "message_id": "m1"},
        {"type": "tool_call_started", "call_id": "call-1", "name": "demo_add", "message_id": "m1"},
        {"type": "tool_call_ready", "call_id": "call-1", "name": "demo_add", "message_id": "m1",
         "arguments": {"a": 2, "b": 3}},
        {"type": "inference_completed", "message_id": "m1", "model": "default", "usage": USAGE,
         "duration_ms": 1500, "cost_usd": "0.00021"},
        {"type": "tool_call_finished", "call_id": "call-1", "name": "demo_add",
         "outcome": "succeeded", "result_message_id": "m2", "data": 5},
        {"type": "step_finished", "step": 0},
        {"type": "step_started", "step": 1, "message_id": "m3"},
        {"type": "text_started", "message_id": "m3", "block_id": "b1"},
        {"type": "text_delta", "block_id": "b1", "delta": "The sum "},
        {"type": "text_delta", "block_id": "b1", "delta": "is five."},
        {"type": "text_ended", "block_id": "b1"},
        {"type": "inference_completed", "message_id": "m3", "model": "default", "usage": USAGE,
         "duration_ms": 900, "cost_usd": "0.00021"},
        {"type": "step_finished", "step": 1},
        {"type": "run_finished", "thread_id": run.thread_id, "run_id": run.pk, "steps": 2,
         "termination": {"type": "natural_end"}, "response": "The sum is five."},
    ]  # fmt: skip
    start = now_ms()
    stored: Any = [
        {"seq": seq, "at": start + 100 * seq, **event} for seq, event in enumerate(events, 1)
    ]
    RunEvents.objects.create(run=run, first_seq=1, last_seq=len(stored), events=stored)
    Run.objects.filter(pk=run.pk).update(last_seq=len(stored))


def a_day() -> tuple[Run, ToolCall]:
    """A finished run with everything a page can show, and one that waits for an approval."""
    thread = make_thread()
    run = make_run(thread)
    make_messages(run)
    make_events(run)
    make_job(run)
    waiting = make_run(
        make_thread(title="Tidying up"),
        agent_id="tidy",
        status=Run.Status.WAITING,
        finished_at=None,
        termination_code="suspended",
    )
    return run, waiting_call(waiting)
