"""Idempotency keys: an equal request with the same key finds what the first one led to."""

import hashlib

from django.db import IntegrityError

from agentserver.core.errors import Conflict
from agentserver.core.exact_json import dumps
from runs.models import IdempotencyKey, Job, Run
from runs.services.requests import Input, Submitted


def _scope(request: Input) -> str:
    named = f"{request.principal.kind}:{request.principal.id}:{request.thread_id or ''}"
    return hashlib.sha256(named.encode()).hexdigest()


def _digest(request: Input) -> str:
    body = {
        "agent": request.named_agent,
        "mode": request.mode,
        "messages": [[m.role, m.content] for m in request.messages],
        "extras": request.extras,
        "resource": request.resource_id,
        "parent": request.parent_thread_id,
        "state": request.state,
        "cut": request.cut and [request.cut.message_id, request.cut.inclusive],
    }
    return hashlib.sha256(dumps(body).encode()).hexdigest()


def earlier_submission(request: Input) -> Submitted | None:
    """The submission that an equal request with the same key made before."""
    if not request.idempotency_key:
        return None
    known = IdempotencyKey.objects.filter(scope=_scope(request), key=request.idempotency_key)
    row = known.select_related("run").first()
    if row is None:
        return None
    if row.body_digest != _digest(request):
        raise Conflict("the idempotency key was used with another body", code="idempotency_key")
    run, steered = row.run, row.answer["steered"]
    job = Job.objects.filter(pk=row.answer["job_id"]).first()
    return Submitted(run.thread_id, run, job, fresh=False, status="running", steered=steered)


def remember(request: Input, submitted: Submitted) -> None:
    if request.idempotency_key:
        job_id = submitted.job.pk if submitted.job else None
        IdempotencyKey.objects.create(
            scope=_scope(request),
            key=request.idempotency_key,
            body_digest=_digest(request),
            run=submitted.run,
            answer={"job_id": job_id, "steered": submitted.steered},
        )


def lost_race(request: Input, error: IntegrityError) -> Submitted:
    """Two equal requests at once: the loser answers with the winner's run."""
    earlier = earlier_submission(request)
    if earlier:
        return earlier
    if request.run_id and Run.objects.filter(pk=request.run_id).exists():
        raise Conflict(f"run already exists: {request.run_id}") from error
    raise error
