"""Rows of runs, calls and jobs, for reading routes: no engine needed."""

from datetime import timedelta
from typing import Any

from agentserver.core.clock import now
from agentserver.core.ids import new_id
from runs.models import Job, Run, ToolCall
from tests.events.run_logs import permission
from threads.models import Message, Thread

BASE = now().replace(microsecond=0)


def thread(thread_id: str | None = None, **columns: Any) -> Thread:
    return Thread.objects.create(pk=thread_id or new_id(), **columns)


def run(owner: Thread, *, second: int = 0, status: str = "done", **columns: Any) -> Run:
    """A run made and changed so many seconds after the base time."""
    moment = BASE + timedelta(seconds=second)
    times = {"created_at": moment, "updated_at": moment}
    if status == "done":
        times["finished_at"] = moment
        columns.setdefault("termination_code", "natural")
    elif status == "waiting":
        columns.setdefault("termination_code", "suspended")
    return Run.objects.create(
        thread=owner, agent_id=columns.pop("agent_id", "a"), status=status, **times, **columns
    )


def call(of: Run, call_id: str, *, status: str = "succeeded", step: int = 0) -> ToolCall:
    waiting = status == "suspended"
    return ToolCall.objects.create(
        run=of,
        call_id=call_id,
        step=step,
        name="rm",
        arguments={"path": "/x"},
        status=status,
        ticket_id=f"perm_{call_id}" if waiting else "",
        suspension=permission(call_id).model_dump(exclude_none=True) if waiting else None,
        result={"data": 1} if status == "succeeded" else None,
    )


def job(of: Run, *, second: int = 0, **columns: Any) -> Job:
    moment = BASE + timedelta(seconds=second)
    return Job.objects.create(
        thread_id=of.thread_id, run=of, created_at=moment, updated_at=moment, **columns
    )


def message(of: Run, text: str, *, seq: int, **columns: Any) -> Message:
    return Message.objects.create(
        thread_id=of.thread_id,
        seq=seq,
        run_id=of.pk,
        role=columns.pop("role", "user"),
        content=[{"type": "text", "text": text}],
        **columns,
    )
