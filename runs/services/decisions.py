"""Decisions: what a person or a client answers to a waiting tool call (native API §7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q

from agentserver.access.principal import Principal
from agentserver.core.clock import now, now_ms
from agentserver.core.errors import BadRequest, Conflict, NotFound
from agentserver.core.ids import new_id
from runs import dispatch
from runs.mailbox import lane as lanes
from runs.mailbox.submit import insert_resume
from runs.models import Lane, Run, ToolCall
from runs.tools.questions import answer_problems

Action = Literal["resume", "cancel"]
ACTIONS = ("resume", "cancel")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """An answer to the call or ticket ``reference``.

    `error` turns the answer of a client-side tool into a failure that the model reads.
    """

    reference: str
    action: Action
    payload: Any = None
    error: str | None = None


def check_action(action: str) -> Action:
    """The action, before anything is looked up; `BadRequest` for any other word."""
    if action not in ACTIONS:
        raise BadRequest(f"invalid action: {action}, expected 'resume' or 'cancel'")
    return "resume" if action == "resume" else "cancel"


def submit_decision(
    *, principal: Principal, any_id: str, decided: Decided, missing: NotFound
) -> Run:
    """One decision for a run, by run or thread id. Safe to repeat; see `submit_decisions`."""
    return submit_decisions(
        principal=principal, any_id=any_id, decisions=[decided], missing=missing
    )


def submit_decisions(
    *, principal: Principal, any_id: str, decisions: Sequence[Decided], missing: NotFound
) -> Run:
    """Records all decisions or none, and queues the run's continuation.

    An equal repetition is accepted and changes nothing. Raises ``missing`` when no open run answers
    to the id, `NotFound` for a reference that nothing waits for, `Conflict` for another answer than
    the one given before, `BadRequest` for a payload that does not fit the question.
    """
    run = _open_run(principal, any_id)
    if run is None:
        raise missing
    forwarded: list[tuple[str, Decided]] = []
    with transaction.atomic():
        lane = lanes.lock(run.thread)
        fresh = [each for each in (_record(run, each, forwarded) for each in decisions) if each]
        if fresh:
            _continue(lane, run)
    for child_id, decided in forwarded:
        _forward(principal, child_id, decided)
    return run


def _open_run(principal: Principal, any_id: str) -> Run | None:
    """The unfinished run with this id, or the one that holds the thread with this id."""
    runs = Run.objects.filter(Q(pk=any_id) | Q(thread_id=any_id)).exclude(status=Run.Status.DONE)
    started = runs.exclude(status=Run.Status.CREATED).select_related("thread")
    run = next((each for each in started if each.pk == any_id), None) or started.first()
    return run if run and principal.can_see(run.thread.resource_id) else None


def _record(run: Run, decided: Decided, forwarded: list[tuple[str, Decided]]) -> ToolCall | None:
    call = _call(run, decided.reference)
    if call.suspension and call.suspension["kind"] == "delegate" and not call.decision:
        forwarded.append((call.child_run_id, decided))
        return None
    if call.status != ToolCall.Status.SUSPENDED:
        return _repeated(call, decided)
    _check_answer(call, decided)
    call.status, call.updated_at = ToolCall.Status.RESUMING, now()
    call.decision = {
        "decision_id": new_id(),
        "ticket_id": call.ticket_id,
        "action": decided.action,
        "payload": decided.payload,
        "error": decided.error,
        "decided_at": now_ms(),
    }
    call.save(update_fields=["status", "updated_at", "decision"])
    return call


def _call(run: Run, reference: str) -> ToolCall:
    calls = ToolCall.objects.filter(run=run).filter(Q(call_id=reference) | Q(ticket_id=reference))
    call = calls.order_by("-pk").first()
    if call is None or not (call.suspension or call.decision):
        raise NotFound(f"no pending tool call: {reference}")
    return call


def _repeated(call: ToolCall, decided: Decided) -> ToolCall | None:
    """Nothing to do for an equal decision (None); `Conflict` for another one."""
    before = call.decision or {}
    same = (decided.action, decided.payload, decided.error)
    if (before.get("action"), before.get("payload"), before.get("error")) != same:
        raise Conflict(f"already decided: {decided.reference}", code="already_decided")
    return None


def _check_answer(call: ToolCall, decided: Decided) -> None:
    if decided.action == "cancel" or decided.error:
        return
    problems = answer_problems(call.suspension.get("response_schema"), decided.payload)
    if problems:
        raise BadRequest("the answer does not fit the question: " + "; ".join(problems))


def _continue(lane: Lane, run: Run) -> None:
    insert_resume(lane=lane, run=run)
    dispatch.on_commit()


def _forward(principal: Principal, child_id: str, decided: Decided) -> None:
    """A parent waits for its delegate: the answer belongs to what the delegate asked."""
    waiting = ToolCall.objects.filter(run_id=child_id, status=ToolCall.Status.SUSPENDED)
    tickets = list(waiting.values_list("ticket_id", flat=True)[:2])
    if len(tickets) > 1:
        raise Conflict("the delegated run asks more than one question: decide at that run")
    if not tickets:
        raise NotFound(f"no pending tool call: {decided.reference}")
    submit_decision(
        principal=principal,
        any_id=child_id,
        decided=Decided(
            reference=tickets[0],
            action=decided.action,
            payload=decided.payload,
            error=decided.error,
        ),
        missing=NotFound(f"run not found: {child_id}"),
    )
