"""Requests that answer a waiting run: interrupts resolved by people, tools run by the client."""

from collections.abc import Sequence
from typing import Any

from agentserver.access.principal import Principal
from agentserver.core.clock import now_ms
from agentserver.core.errors import ApiError, BadRequest, Conflict, NotFound
from agentserver.core.exact_json import loads
from agentserver.protocols.ag_ui.decode import Answer, Asked, ClientMessage
from agentserver.protocols.ag_ui.news import News
from agentserver.protocols.ag_ui.outcome import CLIENT_TOOL, wants_approval
from runs.models import Run, ToolCall
from runs.selectors import calls_behind, suspended_at, suspended_calls, waiting_run
from runs.services import Decided, submit_decisions
from threads.services import thread_not_found

Place = tuple[str, int]
"""A run, and the seq behind which its answer to this request begins."""


class Refused(Exception):
    """The thread cannot take this request now; told as RUN_ERROR."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


# --- interrupts -----------------------------------------------------------------------------------
def continue_with_answers(principal: Principal, asked: Asked, news: News) -> Place:
    """Takes ``resume``; raises `Refused` for answers that nothing or something else waits for."""
    answers = asked.resume or ()
    waiting = waiting_run(principal=principal, thread_id=asked.thread_id)
    open_calls = suspended_calls(waiting) if waiting else []
    calls = _calls(asked, answers)
    _require_all(answers, open_calls)
    decisions = [_decided(each, calls[each.interrupt_id]) for each in answers]
    first = calls[answers[0].interrupt_id]
    if waiting is None or first.run_id != waiting.pk:
        return _repeated(first.run_id, calls, decisions)
    place = _place(waiting, first)
    _submit(principal, asked, news, waiting, [*decisions, *_results(news, open_calls)])
    return place


def _calls(asked: Asked, answers: Sequence[Answer]) -> dict[str, ToolCall]:
    references = [answer.interrupt_id for answer in answers]
    calls = calls_behind(thread_id=asked.thread_id, references=references)
    for answer in answers:
        call = calls.get(answer.interrupt_id)
        if call is None or call.ticket_id != answer.interrupt_id:
            raise Refused(f"unknown interrupt: {answer.interrupt_id}", "unknown_interrupt")
        if _is_expired(call) and not answer.cancelled:
            raise Refused(f"interrupt has expired: {answer.interrupt_id}", "expired_interrupt")
    return calls


def _is_expired(call: ToolCall) -> bool:
    """Also when its run was cancelled, or went on without an answer."""
    if call.is_final:
        return not call.decision
    expires_at = (call.suspension or {}).get("expires_at")
    return expires_at is not None and expires_at <= now_ms()


def _require_all(answers: Sequence[Answer], open_calls: Sequence[ToolCall]) -> None:
    answered = {answer.interrupt_id for answer in answers}
    asked = {call.ticket_id for call in open_calls if call.suspension["kind"] != CLIENT_TOOL}
    missing = sorted(asked - answered)
    if missing and answered & asked:
        raise Refused(f"interrupts without an answer: {', '.join(missing)}", "interrupt_pending")


def _decided(answer: Answer, call: ToolCall) -> Decided:
    ticket = call.suspension
    if answer.cancelled:
        return _refusal(answer, "the request was cancelled", None)
    if not wants_approval(ticket):
        return Decided(reference=answer.interrupt_id, action="resume", payload=answer.payload)
    payload = answer.payload if isinstance(answer.payload, dict) else {}
    approved = payload.get("approved")
    if not isinstance(approved, bool):
        raise Refused(
            f"the answer to {answer.interrupt_id} needs approved: true or false",
            "invalid_resume",
        )
    if not approved:
        return _refusal(answer, "denied by the user", payload)
    return Decided(
        reference=answer.interrupt_id,
        action="resume",
        payload=payload,
        arguments=_edited(answer, payload, ticket),
    )


def _refusal(answer: Answer, text: str, payload: dict[str, Any] | None) -> Decided:
    reason = (payload or {}).get("reason")
    told = f"{text}: {reason}" if isinstance(reason, str) and reason else text
    return Decided(reference=answer.interrupt_id, action="cancel", payload=payload, error=told)


def _edited(
    answer: Answer, payload: dict[str, Any], ticket: dict[str, Any]
) -> dict[str, Any] | None:
    edited = payload.get("editedArgs")
    if edited is None or ticket["kind"] != "permission":
        return None
    if not isinstance(edited, dict):
        raise Refused(
            f"the answer to {answer.interrupt_id} has editedArgs that are no object",
            "invalid_resume",
        )
    return edited


def _repeated(run_id: str, calls: dict[str, ToolCall], decisions: Sequence[Decided]) -> Place:
    """The same answers again, after their run took them. What nobody answered in time may still be
    cancelled."""
    for decided in decisions:
        before = calls[decided.reference].decision
        if before is None and decided.action == "cancel":
            continue
        given = before or {}
        same = (decided.action, decided.payload, decided.error)
        if (given.get("action"), given.get("payload"), given.get("error")) != same:
            raise Refused(f"already decided: {decided.reference}", "already_decided")
    return run_id, max(suspended_at(calls[each.reference]) for each in decisions)


def _place(waiting: Run, call: ToolCall) -> Place:
    """Where the answer to a request begins: at the rest that asked, which may be over already."""
    if call.run_id == waiting.pk and call.status == ToolCall.Status.SUSPENDED:
        return waiting.pk, waiting.last_seq
    return call.run_id, suspended_at(call)


# --- tools of the client --------------------------------------------------------------------------
def continue_with_results(
    principal: Principal, asked: Asked, news: News, waiting: Run, calls: Sequence[ToolCall]
) -> Place | None:
    """Hands tool messages to the run that waits for them; None when there are none for it.

    Raises `Refused` when the thread waits for people: only `resume` answers them.
    """
    questions = [call.ticket_id for call in calls if call.suspension["kind"] != CLIENT_TOOL]
    if questions:
        raise Refused(
            f"the thread waits for answers to interrupts: {', '.join(questions)}",
            "interrupt_pending",
        )
    results = _results(news, calls)
    if not results:
        return None
    _submit(principal, asked, news, waiting, results)
    return waiting.pk, waiting.last_seq


def repeated_results(asked: Asked, news: News) -> Place | None:
    """Where the run went on that took these very results before."""
    if news.messages or not news.ends_with_result:
        return None
    last = asked.messages[-1].call_id
    call = calls_behind(thread_id=asked.thread_id, references=[last]).get(last)
    if call is None or not call.client_side or not call.decision:
        return None
    return call.run_id, suspended_at(call)


def _results(news: News, calls: Sequence[ToolCall]) -> list[Decided]:
    waiting = [call for call in calls if call.suspension["kind"] == CLIENT_TOOL]
    return [
        _result(news.results[call.call_id], call)
        for call in waiting
        if call.call_id in news.results
    ]


def _result(message: ClientMessage, call: ToolCall) -> Decided:
    text = message.text
    return Decided(
        reference=call.call_id,
        action="resume",
        payload=_data(text),
        error=(text or message.error) if message.error else None,
        text=text,
        message_id=message.id if message.named else None,
    )


def _data(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


# --- both -----------------------------------------------------------------------------------------
def _submit(
    principal: Principal, asked: Asked, news: News, run: Run, decisions: Sequence[Decided]
) -> None:
    missing = thread_not_found(asked.thread_id)
    try:
        submit_decisions(
            principal=principal,
            any_id=run.pk,
            decisions=decisions,
            missing=missing,
            messages=[*news.internal, *news.messages],
            state=asked.state or None,
        )
    except NotFound as error:
        raise Refused(error.message, "unknown_interrupt") from error
    except (Conflict, BadRequest) as error:
        raise Refused(error.message, _code(error)) from error


def _code(error: ApiError) -> str:
    return error.code if isinstance(error, Conflict) else "invalid_resume"
