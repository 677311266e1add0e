"""Decisions: what a person or a client answers to a waiting tool call (docs/native-api.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest, Conflict, NotFound
from runs import dispatch
from runs.access import run_not_found
from runs.mailbox import families
from runs.mailbox import lane as lanes
from runs.mailbox.questions import asked_under
from runs.mailbox.stop import decide
from runs.mailbox.submit import insert_resume
from runs.models import Lane, Run, RunInput, ToolCall
from runs.tools.questions import answer_problems
from threads.services import NewMessage, append_messages, rename_message, set_state

Action = Literal["resume", "cancel"]
ACTIONS = ("resume", "cancel")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """An answer to the call or ticket ``reference``.

    `error` turns the answer of a client-side tool into a failure that the model reads. For such a
    tool `text` is what the model reads instead of the payload's JSON, and `message_id` the id under
    which the caller keeps the answer in its own conversation. `arguments` take the place of those
    of a call that waits for permission; what a rule forbids stays forbidden.
    """

    reference: str
    action: Action
    payload: Any = None
    error: str | None = None
    text: str | None = None
    message_id: str | None = None
    arguments: dict[str, Any] | None = None


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
    *,
    principal: Principal,
    any_id: str,
    decisions: Sequence[Decided],
    missing: NotFound,
    messages: Sequence[NewMessage] = (),
    state: Mapping[str, Any] | None = None,
) -> Run:
    """Records all decisions or none, and queues the run's continuation.

    ``messages`` join the run before its next inference, ``state`` becomes the thread's shared
    state; both only count when a decision is new.

    An equal repetition is accepted and changes nothing. Raises ``missing`` when no open run answers
    to the id, `NotFound` for a reference that nothing waits for, `Conflict` for another answer than
    the one given before, `BadRequest` for a payload that does not fit the question.
    """
    run = _open_run(principal, any_id)
    if run is None:
        raise missing
    with transaction.atomic():
        lane = lanes.lock(run.thread)
        if Run.objects.filter(pk=run.pk, status=Run.Status.DONE).exists():
            raise missing
        # A list, not a generator: every decision is looked at before any continuation.
        if any([_record(principal, run, each) for each in decisions]):
            _add_input(run, messages, state)
            _continue(lane, run)
    return run


def was_decided(*, principal: Principal, any_id: str, decisions: Sequence[Decided]) -> bool:
    """Whether the run with this id, or the thread's latest, is done and was given these answers:
    the repeat of a request whose answer was lost."""
    runs = principal.scope_queryset(Run.objects.all(), "thread__resource_id")
    runs = runs.filter(Q(pk=any_id) | Q(thread_id=any_id)).order_by("-updated_at", "-pk")
    run = runs.filter(pk=any_id).first() or runs.first()
    if run is None or run.status != Run.Status.DONE:
        return False
    try:
        for each in decisions:
            _refuse_another(_call(run, each.reference), each)
    except (NotFound, Conflict):
        return False
    return True


def _open_run(principal: Principal, any_id: str) -> Run | None:
    """The unfinished run with this id, or the one that holds the thread with this id."""
    runs = Run.objects.filter(Q(pk=any_id) | Q(thread_id=any_id)).exclude(status=Run.Status.DONE)
    started = runs.exclude(status=Run.Status.CREATED).select_related("thread")
    run = next((each for each in started if each.pk == any_id), None) or started.first()
    return run if run and principal.can_see(run.thread.resource_id) else None


def _record(principal: Principal, run: Run, decided: Decided) -> bool:
    """Whether the run itself has something to go on with."""
    call = _call(run, decided.reference)
    if call.suspension and call.suspension["kind"] == "delegate" and not call.is_final:
        _forward(principal, call, decided)
        return False
    if call.status != ToolCall.Status.SUSPENDED or decided.reference in _answered(call):
        _refuse_another(call, decided)
        return False
    _check_answer(call, decided)
    decide(call, action=decided.action, payload=decided.payload, error=decided.error)
    _amend(run, call, decided)
    return True


def _amend(run: Run, call: ToolCall, decided: Decided) -> None:
    """What an answer may bring along besides itself."""
    kind, decision = call.suspension["kind"], dict(call.decision)
    if kind == "client_tool" and decided.text is not None:
        decision["text"] = decided.text
    if kind == "client_tool" and decided.message_id and _is_waiting(run):
        renamed = rename_message(
            thread=run.thread, message_id=call.result_message_id, new_id=decided.message_id
        )
        call.result_message_id = decided.message_id if renamed else call.result_message_id
    if kind == "permission" and decided.arguments is not None:
        call.arguments, decision["edited"] = decided.arguments, True
    if decision != call.decision or call.result_message_id == decided.message_id:
        call.decision = decision
        call.save(update_fields=["decision", "arguments", "result_message_id"])


def _is_waiting(run: Run) -> bool:
    """Asked under the lane's lock: a worker that still holds the run knows its old ids."""
    return Run.objects.filter(pk=run.pk, status=Run.Status.WAITING).exists()


def _add_input(run: Run, messages: Sequence[NewMessage], state: Mapping[str, Any] | None) -> None:
    if state is not None:
        set_state(thread=run.thread, state=state)
    appended = append_messages(thread=run.thread, messages=messages, run_id=run.pk)
    ids = [row.message_id for row in appended.rows]
    if ids:
        RunInput.objects.create(run=run, message_ids=ids)


def _call(run: Run, reference: str) -> ToolCall:
    """The call that waits, or waited, under its own id, its ticket's, or an earlier ticket's."""
    calls = ToolCall.objects.filter(run=run).order_by("-pk")
    call = calls.filter(Q(call_id=reference) | Q(ticket_id=reference)).first()
    if call is None:
        call = next((each for each in calls if reference in _answered(each)), None)
    if call is None or not (call.suspension or call.decision):
        raise NotFound(f"no pending tool call: {reference}")
    return call


def _answered(call: ToolCall) -> dict[str, dict[str, Any]]:
    """The answers that the call was given before it asked again, by ticket."""
    earlier = {
        each["ticket_id"]: {"action": "resume", "payload": each["payload"]} for each in call.answers
    }
    latest = call.decision
    if latest:
        earlier[latest["ticket_id"]] = latest
    if call.status == ToolCall.Status.SUSPENDED:
        earlier.pop(call.ticket_id, None)
    return earlier


def _refuse_another(call: ToolCall, decided: Decided) -> None:
    """Nothing to do for an equal decision; `Conflict` for another one."""
    before = _answered(call).get(decided.reference) or call.decision or {}
    same = (decided.action, decided.payload, decided.error)
    if (before.get("action"), before.get("payload"), before.get("error")) != same:
        raise Conflict(f"already decided: {decided.reference}", code="already_decided")


def _check_answer(call: ToolCall, decided: Decided) -> None:
    if decided.action == "cancel" or decided.error:
        return
    problems = answer_problems(call.suspension.get("response_schema"), decided.payload)
    if problems:
        raise BadRequest("the answer does not fit the question: " + "; ".join(problems))


def _continue(lane: Lane, run: Run) -> None:
    insert_resume(lane=lane, run=run)
    dispatch.on_commit()


def _forward(principal: Principal, call: ToolCall, decided: Decided) -> None:
    """A parent waits for its delegate: the answer belongs to what the delegate asked, as far as it
    was shown here. Whether that was answered already, the same or not, is decided there."""
    tickets = asked_under(call)
    if len(tickets) > 1:
        raise Conflict("the delegated run asks more than one question: decide at that run")
    if not tickets:
        raise NotFound(f"no pending tool call: {decided.reference}")
    submit_decision(
        principal=principal,
        any_id=call.child_run_id,
        decided=Decided(
            reference=tickets[0],
            action=decided.action,
            payload=decided.payload,
            error=decided.error,
        ),
        missing=run_not_found(call.child_run_id),
    )
    # An answer to an old question: the caller shows what nobody replaced yet.
    transaction.on_commit(partial(families.tell_parent, call.child_run_id))
