"""Tasks for a caller (A2A 1.0, sections 3.1.3 and 3.1.4): every run they may see is one.

With a tenant only the runs of that agent are there; without one those of all agents are.
"""

from contextlib import suppress
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from agentserver.access.principal import Principal
from agentserver.core.api.paging import CursorQuery, Listing
from agentserver.core.errors import BadRequest, NotFound
from agentserver_a2a import states
from agentserver_a2a.errors import TaskNotFound, Violation, invalid
from agentserver_a2a.snapshots import Shape, task_of, tasks_of
from agentserver_a2a.wire import ListTasks
from config import registry as registries
from runs.access import get_run_for
from runs.models import Run, ToolCall

Json = dict[str, Any]

TASKS = Listing("task", "tasks_", ("-status_changed_at", "-id"))
_UNSEEN = ("request_extras", "output", "final_output")


def check_tenant(tenant: str | None) -> None:
    """Raises `NotFound` for a tenant that is no agent."""
    if tenant is not None and tenant not in registries.current().agents:
        raise NotFound(f"tenant not found: {tenant}")


def task_not_found(task_id: str) -> TaskNotFound:
    return TaskNotFound(f"task not found: {task_id}", metadata={"taskId": task_id})


def run_for(*, principal: Principal, tenant: str | None, task_id: str) -> Run:
    """The run behind a task; `TaskNotFound` also for one of another resource or tenant."""
    check_tenant(tenant)
    with suppress(NotFound):
        run = get_run_for(principal, task_id)
        if tenant is None or run.agent_id == tenant:
            return run
    raise task_not_found(task_id)


def task_for(
    *, principal: Principal, tenant: str | None, task_id: str, history_length: int | None = None
) -> Json:
    """The Task as its rows have it now. ``history_length`` None: all messages, 0: none."""
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    return task_of(run, Shape(history_length=history_length))


def page_of_tasks(*, principal: Principal, tenant: str | None, query: ListTasks) -> Json:
    """A ListTasksResponse with all its members, the latest change of status first.

    Raises `InvalidParams` for a token that is not from this list.
    """
    check_tenant(tenant)
    rows = _filtered(principal.scope_queryset(Run.objects.all(), "thread__resource_id"), query)
    if tenant is not None:
        rows = rows.filter(agent_id=tenant)
    after = query.status_timestamp_after
    bound = [principal.resource_id, tenant, query.context_id, query.status]
    filters = {"tasks": [*bound, after and after.isoformat()]}
    try:
        page = TASKS.page(rows.defer(*_UNSEEN), _paging(query), filters=filters)
    except BadRequest:
        raise invalid(
            [Violation("pageToken", "is not from this list, or was given for other filters")]
        ) from None
    shape = Shape(history_length=query.history_length, artifacts=query.include_artifacts)
    return {
        "tasks": tasks_of(page.rows, shape),
        "nextPageToken": page.next_cursor or "",
        "pageSize": query.page_size,
        "totalSize": page.total,
    }


def _paging(query: ListTasks) -> CursorQuery:
    token = query.page_token
    if token and not token.startswith(TASKS.prefix):
        # Other lists here read a number as an offset; in this protocol tokens are opaque.
        raise BadRequest("the token is not from this list")
    return CursorQuery(limit=query.page_size, cursor=token or None)


def _filtered(rows: QuerySet[Run], query: ListTasks) -> QuerySet[Run]:
    if query.context_id is not None:
        rows = rows.filter(thread_id=query.context_id)
    if query.status_timestamp_after is not None:
        rows = rows.filter(status_changed_at__gte=query.status_timestamp_after)
    return rows.filter(_in_state(query.status)) if query.status else rows


def _in_state(state: str) -> Q:
    """The runs that `states.state_of` says ``state`` of."""
    suspended = ToolCall.objects.filter(run=OuterRef("pk"), status=ToolCall.Status.SUSPENDED)
    asks = Q(Exists(suspended))
    # What a ticket is stands inside a text column; its id says so as well (`runs.engine.tickets`).
    asks_leave = Q(Exists(suspended.filter(ticket_id__startswith="perm_")))
    waiting, done = Q(status=Run.Status.WAITING), Q(status=Run.Status.DONE)
    match state:
        case states.SUBMITTED:
            return Q(status=Run.Status.CREATED)
        case states.WORKING:
            return Q(status=Run.Status.RUNNING) | (waiting & ~asks)
        case states.AUTH_REQUIRED:
            return waiting & asks_leave
        case states.INPUT_REQUIRED:
            return waiting & asks & ~asks_leave
    return done & _ended_as(state)


def _ended_as(state: str) -> Q:
    code = next((code for code, each in states.ENDS.items() if each == state), None)
    if code is None:
        return ~Q(termination_code__in=list(states.ENDS))
    return Q(termination_code=code)
