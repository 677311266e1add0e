"""SendMessage and SendStreamingMessage (A2A 1.0, sections 3.1.1 and 3.1.2): the database's part.

A message without a task begins one, in a new context or in the one it names; a task in a context
where another one runs or waits is queued. A message to an interrupted task answers it.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import transaction

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest, Conflict, NotFound
from agentserver.core.ids import is_valid_id, new_id
from agentserver_a2a.answers import Answered, answered
from agentserver_a2a.errors import (
    ContentTypeNotSupported,
    UnsupportedOperation,
    Violation,
    invalid,
)
from agentserver_a2a.history import KEPT, KEY, answered_before, history_of, kept
from agentserver_a2a.modes import INPUT_MODES, TEXT
from agentserver_a2a.parts import blocks_of
from agentserver_a2a.push.configs import create_config
from agentserver_a2a.section import section_of
from agentserver_a2a.snapshots import Shape, bare_task, task_of
from agentserver_a2a.states import INTERRUPTED, SUBMITTED, WORKING, status, timestamp
from agentserver_a2a.tasks import check_tenant, run_for
from agentserver_a2a.wire import Message, SendRequest
from config import registry as registries
from runs.models import Run, ToolCall
from runs.selectors import latest_run, suspended_calls
from runs.services import Input, submit, submit_decisions
from threads.models import Message as Row
from threads.models import Thread
from threads.services import NewMessage, append_messages

Json = dict[str, Any]

DEFAULT_AGENT: Final = "default"
PUSH_PATH: Final = "configuration.taskPushNotificationConfig"


@dataclass(frozen=True)
class Sent:
    """The task that a message began or goes on with.

    `task` is the Task right after that. What comes of the message are the events of the run behind
    `after_seq`. `fresh`: the run was made just now. `direct`: the message began the task, now or at
    an earlier time, and its agent may answer with a message.
    """

    principal: Principal
    tenant: str | None
    task_id: str
    context_id: str
    task: Json
    after_seq: int = 0
    fresh: bool = False
    direct: bool = False


def send(
    *,
    principal: Principal,
    tenant: str | None,
    request: SendRequest,
    idempotency_key: str | None = None,
) -> Sent:
    """Stores the message and begins or continues its task, in one transaction.

    ``idempotency_key`` makes the repeat of a message find the task that it began or answered, and
    change nothing. Raises `ContentTypeNotSupported`, `TaskNotFound`, `UnsupportedOperation` for a
    task that cannot take a message now, `InvalidParams`, and what the submission of a run raises.
    """
    check_tenant(tenant)
    _check_types(request)
    # The webhook of a task is there before its first event.
    with transaction.atomic() if request.configuration.push_config else nullcontext():
        if request.message.task_id is None:
            sent = _begin(principal, tenant, request, idempotency_key)
        else:
            sent = _continue(principal, tenant, request, idempotency_key)
        if sent.fresh or sent.after_seq:
            # A repeat has its webhook already; another one would tell the story again.
            _add_webhook(sent, request)
    return sent


def _add_webhook(sent: Sent, request: SendRequest) -> None:
    config = request.configuration.push_config
    if config is not None:
        create_config(
            principal=sent.principal,
            tenant=sent.tenant,
            task_id=sent.task_id,
            config=config,
            path=PUSH_PATH,
        )


# --- types of content -----------------------------------------------------------------------------
def _check_types(request: SendRequest) -> None:
    for part in request.message.parts:
        if part.media_type and not _is_among(part.media_type, INPUT_MODES):
            raise ContentTypeNotSupported(
                f"parts of type {part.media_type[:80]!r} are not supported",
                metadata={"mediaType": part.media_type[:80]},
            )
    accepted = request.configuration.accepted_output_modes
    if accepted and not any(_is_among(TEXT, [mode]) for mode in accepted):
        raise ContentTypeNotSupported(f"agents answer with {TEXT}, which is not accepted")


def _is_among(media_type: str, modes: Iterable[str]) -> bool:
    """``text`` and ``*/*`` are modes as well as ``text/plain``; parameters do not count."""
    plain = media_type.partition(";")[0].strip().lower()
    family = plain.partition("/")[0]
    wide = {plain, family, f"{family}/*", "*/*", "*"}
    return any(mode.partition(";")[0].strip().lower() in wide for mode in modes)


# --- a new task -----------------------------------------------------------------------------------
def _begin(
    principal: Principal, tenant: str | None, request: SendRequest, idempotency_key: str | None
) -> Sent:
    context_id = request.message.context_id
    asked = Input(
        principal=principal,
        thread_id=context_id,
        messages=[_new_message(request, thread_id=context_id)],
        agent_id=tenant or _agent_of(principal, context_id),
        origin=Run.Origin.A2A,
        # The context's latest agent may be another one when the message is repeated.
        named_agent=tenant or "",
        idempotency_key=idempotency_key,
    )
    submitted = submit(asked)
    run, length = submitted.run, request.configuration.history_length
    fresh = submitted.fresh
    return Sent(
        principal=principal,
        tenant=tenant,
        task_id=run.pk,
        context_id=run.thread_id,
        task=_new_task(run, request) if fresh else task_of(run, Shape(history_length=length)),
        fresh=fresh,
        direct=_answers_directly(run.agent_id),
    )


def _agent_of(principal: Principal, context_id: str | None) -> str:
    latest = latest_run(principal=principal, thread_id=context_id) if context_id else None
    return latest.agent_id if latest else default_agent()


def default_agent() -> str:
    """The agent of requests that name neither an agent nor a context: ``default``, else the first
    in the order of ids. `UnsupportedOperation` while there is none."""
    agents = registries.current().agents
    if DEFAULT_AGENT in agents:
        return DEFAULT_AGENT
    if not agents:
        raise UnsupportedOperation("no agent is configured on this server")
    return min(agents)


def _answers_directly(agent_id: str) -> bool:
    agent = registries.current().agents.get(agent_id)
    return agent is not None and section_of(agent).direct_messages


def _new_message(request: SendRequest, *, thread_id: str | None) -> NewMessage:
    """Under the sender's id, where it may be one here and the thread has no message of it yet."""
    message = request.message
    thread = Row.objects.filter(thread_id=thread_id, message_id=message.message_id)
    is_free = is_valid_id(message.message_id) and (thread_id is None or not thread.exists())
    return NewMessage(
        id=message.message_id if is_free else new_id(),
        role=Row.Role.USER,
        content=blocks_of(message.parts),
        metadata={
            **(request.metadata or {}),
            **(message.metadata or {}),
            KEPT: kept(message),
        },
    )


def _new_task(run: Run, request: SendRequest) -> Json:
    """Without a look into the database: what was just written."""
    moment = timestamp(run.status_changed_at)
    task = bare_task(run, status=status(SUBMITTED, moment=moment))
    said = _new_message(request, thread_id=None)
    row = Row(message_id=said.id, role=said.role, content=said.content, metadata=said.metadata)
    history = history_of(run, [row], request.configuration.history_length)
    return task | ({"history": history} if history else {})


# --- an interrupted task --------------------------------------------------------------------------
def _continue(
    principal: Principal, tenant: str | None, request: SendRequest, idempotency_key: str | None
) -> Sent:
    task_id = request.message.task_id or ""
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    _check_context(run, request.message)
    length = request.configuration.history_length
    if idempotency_key and answered_before(run, request.message, idempotency_key):
        task = task_of(run, Shape(history_length=length))
        return Sent(principal, tenant, run.pk, run.thread_id, task)
    calls = _open_calls(run)
    answer = answered(request.message, calls)
    after_seq = run.last_seq
    with transaction.atomic():
        message = _new_message(request, thread_id=run.thread_id)
        if idempotency_key:
            message.metadata[KEPT][KEY] = idempotency_key
        is_read = answer.is_read and not _is_remote(run.agent_id)
        _decide(principal, run, answer, [message] if is_read else [])
        if not is_read:
            _keep(run, replace(message, step_index=calls[0].step + 1))
    run.refresh_from_db(fields=["status", "status_changed_at", "last_seq"])
    return Sent(
        principal=principal,
        tenant=tenant,
        task_id=run.pk,
        context_id=run.thread_id,
        task=_answered_task(run, length),
        after_seq=after_seq,
    )


def _answered_task(run: Run, history_length: int | None) -> Json:
    """It goes on to take the answer in, also when it waits for further ones."""
    task = task_of(run, Shape(history_length=history_length))
    if task["status"]["state"] in INTERRUPTED:
        task["status"] = status(WORKING, moment=timestamp(run.status_changed_at))
    return task


def _check_context(run: Run, message: Message) -> None:
    if message.context_id is not None and message.context_id != run.thread_id:
        description = f"the task {run.pk} belongs to another context"
        raise invalid([Violation("message.contextId", description)])


def _open_calls(run: Run) -> list[ToolCall]:
    """What the task waits for; `UnsupportedOperation` when it does not wait."""
    if run.is_done:
        raise _not_now(run, "has ended: a message without taskId begins a new one")
    calls = suspended_calls(run) if run.status == Run.Status.WAITING else []
    if not calls:
        raise _not_now(run, "is busy: it takes no message before it has ended or asks for one")
    return calls


def _not_now(run: Run, why: str) -> UnsupportedOperation:
    return UnsupportedOperation(f"the task {run.pk} {why}", metadata={"taskId": run.pk})


def _is_remote(agent_id: str) -> bool:
    """The agent behind an endpoint is given the answer alone: it asked the question itself."""
    agent = registries.current().agents.get(agent_id)
    return agent is not None and agent.endpoint is not None


def _decide(
    principal: Principal, run: Run, answer: Answered, messages: Sequence[NewMessage]
) -> None:
    gone = _not_now(run, "does not wait any more")
    try:
        submit_decisions(
            principal=principal,
            any_id=run.pk,
            decisions=[answer.decision],
            messages=messages,
            missing=NotFound("the run has ended"),
        )
    except NotFound as error:
        raise gone from error
    except Conflict as error:
        raise UnsupportedOperation(error.message, metadata={"taskId": run.pk}) from error
    except BadRequest as error:
        raise invalid([Violation("message.parts", error.message)]) from error


def _keep(run: Run, message: NewMessage) -> None:
    """The answer as part of the conversation, before the step that follows. The agent reads it as
    the outcome of its call, so the message itself is no input of the run."""
    thread = Thread.objects.get(pk=run.thread_id)
    append_messages(thread=thread, messages=[message], run_id=run.pk)
