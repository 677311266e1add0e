"""The one place that inserts a run: thread, input, run and job in the caller's transaction."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError

from agentserver.core.errors import Conflict
from agentserver.core.ids import new_id
from agentserver.core.prepared import insert
from runs.mailbox import lane as lanes
from runs.models import Job, Lane, Run
from runs.models.mailbox import DEFAULT_PRIORITY, MAX_ATTEMPTS
from threads.models import Thread
from threads.services import NewMessage, append_messages


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything a new run is made of, checked by the caller: the agent exists, ids are valid.

    `extras` are the request's frontend tools, overrides and client metadata, kept with the run.
    """

    agent_id: str
    config_version: int
    messages: list[NewMessage] = field(default_factory=list)
    run_id: str = field(default_factory=new_id)
    parent: Run | None = None
    parent_call_id: str = ""
    origin: str = Run.Origin.USER
    sender_id: str = ""
    priority: int = DEFAULT_PRIORITY
    max_attempts: int = MAX_ATTEMPTS
    dedupe_key: str = ""
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Queued:
    run: Run
    job: Job


def insert_run(
    *, thread: Thread, lane: Lane, request: RunRequest, fresh_thread: bool = False
) -> Queued:
    """Appends the input, creates the run (``created``) and its job, and puts it in line.

    The caller holds the lane's lock and dispatches on commit.
    """
    run = _create_run(thread, request, fresh_thread)
    job = _enqueue(lane, run, request)
    return Queued(run=run, job=job)


def insert_resume(*, lane: Lane, run: Run) -> Job:
    """Queues the continuation of a waiting run; one queued continuation at a time is enough."""
    queued = Job.objects.filter(run=run, state=Job.State.QUEUED, resumes=True).first()
    job = queued or Job.objects.create(
        thread_id=run.thread_id, run=run, resumes=True, generation=lane.generation
    )
    lanes.refresh(lane)
    return job


def _create_run(thread: Thread, request: RunRequest, fresh_thread: bool) -> Run:
    appended = append_messages(
        thread=thread, messages=request.messages, run_id=request.run_id, all_new=fresh_thread
    )
    seqs = [message.seq for message in appended.rows] or _answered(thread)
    run = Run(
        id=request.run_id,
        thread=thread,
        agent_id=request.agent_id,
        parent=request.parent,
        parent_call_id=request.parent_call_id,
        origin=request.origin,
        sender_id=request.sender_id,
        config_version=request.config_version,
        request_extras=request.extras,
        input_from_seq=min(seqs, default=None),
        input_to_seq=max(seqs, default=None),
    )
    insert(run)
    return run


def _answered(thread: Thread) -> list[int]:
    """A run without input of its own answers the last message that a user sent."""
    asked = thread.messages.filter(role="user", visibility="all").order_by("-seq")
    return list(asked.values_list("seq", flat=True)[:1])


def _enqueue(lane: Lane, run: Run, request: RunRequest) -> Job:
    job = Job(
        thread_id=run.thread_id,
        run=run,
        priority=request.priority,
        dedupe_key=request.dedupe_key,
        generation=lane.generation,
        max_attempts=request.max_attempts,
    )
    try:
        insert(job)
    except IntegrityError as error:
        if not request.dedupe_key:
            raise
        raise Conflict(f"job already exists: {request.dedupe_key}", code="duplicate") from error
    lanes.admit(lane, job)
    return job
