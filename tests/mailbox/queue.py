"""Short words for what callers and workers do to the queue."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from agentserver.core.clock import now
from runs.engine import journal
from runs.engine.journal import Commit, Ending, Totals
from runs.events.types import Suspension, Termination
from runs.mailbox import claim as claims
from runs.mailbox import lane as lanes
from runs.mailbox.claim import Claim
from runs.mailbox.submit import Queued, RunRequest, insert_run
from runs.models import Job, Lane, Run, ToolCall
from threads.models import Thread
from threads.services import NewMessage

NATURAL = Ending(Termination(type="natural_end"))
TICKET = Suspension(
    ticket_id="perm_c1",
    kind="permission",
    action="tool:PermissionConfirm",
    pending_id="perm_c1",
    pending_name="permission_confirm",
)


def enqueue(thread_id: str = "t", *, resource_id: str = "", **options: Any) -> Queued:
    """A run in line on a thread, which is made at first use."""
    known = {"agent_id": "a", "config_version": 0, "messages": [said()]}
    with transaction.atomic():
        thread, _ = Thread.objects.get_or_create(
            pk=thread_id, defaults={"resource_id": resource_id}
        )
        lane = lanes.lock(thread)
        request = RunRequest(**{**known, **options})
        return insert_run(thread=thread, lane=lane, request=request)


def said(text: str = "hello") -> NewMessage:
    return NewMessage(role="user", content=[{"type": "text", "text": text}])


def claim(limit: int = 1) -> list[Claim]:
    return claims.claim(worker="w", limit=limit)


def claim_one() -> Claim:
    claimed = claim()
    assert len(claimed) == 1
    return claimed[0]


def commit(claimed: Claim) -> Commit:
    return Commit(claim=claimed, records=(), totals=Totals.of(claimed.run))


def finish(claimed: Claim) -> bool:
    return journal.finish(commit(claimed), NATURAL)


def suspend(claimed: Claim) -> None:
    ToolCall.objects.update_or_create(
        run=claimed.run,
        call_id="c1",
        defaults={
            "name": "x",
            "step": 0,
            "status": ToolCall.Status.SUSPENDED,
            "suspension": TICKET.model_dump(exclude_none=True),
            "ticket_id": "perm_c1",
            "decision": None,
        },
    )
    journal.suspend(commit(claimed))


def retry(claimed: Claim, *, delay: float | None = None) -> bool:
    return journal.retry_later(commit(claimed), error="503", delay=delay)


def expire(job_id: str) -> None:
    Job.objects.filter(pk=job_id).update(lease_until=now() - timedelta(seconds=1))


def wait_out(thread_id: str = "t") -> None:
    """The back-off of a thread's next job is over."""
    past = now() - timedelta(seconds=1)
    Job.objects.filter(thread_id=thread_id, state=Job.State.QUEUED).update(available_at=past)
    Lane.objects.filter(pk=thread_id, ready_at__isnull=False).update(ready_at=past)


def state_of(queued: Queued | Claim) -> str:
    return Job.objects.get(pk=queued.job.pk).state


def run_of(queued: Queued | Claim) -> Run:
    return Run.objects.get(pk=queued.run.pk)
