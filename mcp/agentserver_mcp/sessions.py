"""Sessions of the handshake era: what is stored of them, and how processes talk about them."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from agentserver.access.principal import Principal
from agentserver.core.clock import now
from agentserver.core.errors import NotFound
from agentserver_mcp.models import McpCall, McpQuestion, McpSession
from runs.events.live import channel
from runs.services import cancel_run

TOUCH_AFTER = timedelta(seconds=30)
_SWEPT_AT_ONCE = 500


def session_topic(session_id: str) -> str:
    """Where the live channel tells of cancelled requests and answered questions of a session."""
    return f"mcp:session:{session_id}"


def owner_of(principal: Principal) -> str:
    return f"{principal.kind}:{principal.id}"


def open_session(
    *,
    principal: Principal,
    server: str,
    version: str,
    client_info: Mapping[str, Any],
    capabilities: Mapping[str, Any],
) -> McpSession:
    """A new session. Sessions that are over go, and the caller's oldest when there are too many."""
    owner = owner_of(principal)
    _sweep()
    _make_room(owner)
    return McpSession.objects.create(
        owner=owner,
        server=server,
        version=version,
        client_info=dict(client_info),
        capabilities=dict(capabilities),
    )


def find_session(*, principal: Principal, server: str, session_id: str) -> McpSession | None:
    """The caller's session of this server, its time extended; None when it is over or another's."""
    mine = McpSession.objects.filter(owner=owner_of(principal), server=server)
    session = mine.filter(pk=session_id[:64], last_seen_at__gt=_oldest()).first()
    if session is not None and session.last_seen_at < now() - TOUCH_AFTER:
        keep_alive(session.pk)
    return session


def introduce(
    *,
    session: McpSession,
    version: str,
    client_info: Mapping[str, Any],
    capabilities: Mapping[str, Any],
) -> None:
    """What a client says of itself in a session that began before it did."""
    session.version = version
    session.client_info, session.capabilities = dict(client_info), dict(capabilities)
    session.save(update_fields=["version", "client_info", "capabilities"])


def keep_alive(session_id: str) -> None:
    McpSession.objects.filter(pk=session_id).update(last_seen_at=now())


def close_session(*, principal: Principal, session: McpSession) -> None:
    """Ends the session and what is under way in it, also runs that nobody follows any more."""
    channel().notify(session_topic(session.pk), {"kind": "closed"})
    _cancel_runs(principal, McpCall.objects.filter(session_id=session.pk))
    session.delete()


def set_log_level(*, session: McpSession, level: str) -> None:
    McpSession.objects.filter(pk=session.pk).update(log_level=level)
    session.log_level = level


def _oldest() -> Any:
    return now() - timedelta(seconds=settings.AGENTSERVER_MCP_SESSION_SECONDS)


def _sweep() -> None:
    over = McpSession.objects.filter(last_seen_at__lte=_oldest()).order_by("last_seen_at")
    ids = list(over.values_list("pk", flat=True)[:_SWEPT_AT_ONCE])
    if ids:
        McpSession.objects.filter(pk__in=ids).delete()


def _make_room(owner: str) -> None:
    newest_first = McpSession.objects.filter(owner=owner).order_by("-last_seen_at")
    kept = settings.AGENTSERVER_MCP_SESSIONS - 1
    surplus = list(newest_first.values_list("pk", flat=True)[kept : kept + _SWEPT_AT_ONCE])
    if surplus:
        McpSession.objects.filter(pk__in=surplus).delete()


# --- requests under way ---------------------------------------------------------------------------
def remember_call(*, session: McpSession, request_id: str, run_id: str) -> None:
    """The run that answers a request; the same id again (a client's mistake) means the new one."""
    McpCall.objects.update_or_create(
        session_id=session.pk, request_id=request_id, defaults={"run_id": run_id}
    )


def forget_call(*, session: McpSession, request_id: str) -> None:
    McpCall.objects.filter(session_id=session.pk, request_id=request_id).delete()


def cancel_call(*, principal: Principal, session: McpSession, request_id: str) -> None:
    """Stops the request wherever it is worked on, and its run. Unknown ids are let pass."""
    notice = {"kind": "cancelled", "request_id": request_id}
    channel().notify(session_topic(session.pk), notice)
    calls = McpCall.objects.filter(session_id=session.pk, request_id=request_id)
    _cancel_runs(principal, calls)


def _cancel_runs(principal: Principal, calls: QuerySet[McpCall]) -> None:
    for run_id in list(calls.values_list("run_id", flat=True)):
        with suppress(NotFound):
            cancel_run(principal=principal, run_id=run_id)


# --- questions to the client ----------------------------------------------------------------------
def store_question(session: McpSession) -> str:
    return McpQuestion.objects.create(session_id=session.pk).pk


def take_answer(*, session: McpSession, response: Mapping[str, Any]) -> None:
    """Stores the client's response to a question and tells who waits for it. The first counts."""
    question_id = str(response["id"])
    open_ones = McpQuestion.objects.filter(session_id=session.pk, answer__isnull=True)
    if open_ones.filter(pk=question_id[:64]).update(answer=dict(response)):
        notice = {"kind": "answered", "question_id": question_id}
        channel().notify(session_topic(session.pk), notice)


def answers_to(question_ids: list[str]) -> dict[str, dict[str, Any]]:
    """What has been answered of these."""
    rows = McpQuestion.objects.filter(pk__in=question_ids, answer__isnull=False)
    return {question_id: answer or {} for question_id, answer in rows.values_list("pk", "answer")}


def drop_question(question_id: str) -> None:
    McpQuestion.objects.filter(pk=question_id).delete()
