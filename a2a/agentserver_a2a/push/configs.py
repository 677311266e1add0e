"""The configs of a task (A2A 1.0, sections 3.1.7 to 3.1.10): made, shown, listed, deleted.

Answers never hold a token or credentials: whoever gave them knows them, and nobody else who may see
the task needs them. Every function raises `TaskNotFound` for a task that the caller or the tenant
does not have, and `NotFound` for a tenant that is no agent.
"""

from functools import partial
from typing import Any, Final

from django.db import transaction

from agentserver.access.principal import Principal
from agentserver.core.api.paging import CursorQuery, Listing
from agentserver.core.clock import now
from agentserver.core.errors import BadRequest
from agentserver.core.ids import new_id
from agentserver_a2a.errors import TaskNotFound, Violation, invalid
from agentserver_a2a.members import Members
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push.fields import columns_of
from agentserver_a2a.tasks import run_for
from runs.events.live import channel
from runs.models import Run

Json = dict[str, Any]

CONTROL_KIND: Final = "a2a-push"
MAX_CONFIGS: Final = 20
DEFAULT_PAGE_SIZE: Final = 50

_LISTING = Listing(kind="push configs", prefix="p", order=("id",))


def create_config(
    *, principal: Principal, tenant: str | None, task_id: str, config: Json, path: str = ""
) -> Json:
    """Makes the config, or replaces the one with the same id; the answer is the config.

    A new config gets every event of its task from the beginning, a replaced one too. ``path`` is
    where `config` stands in the request. Raises `InvalidParams` naming everything wrong with it.
    Joins a surrounding transaction, so that a task and its webhook appear together.
    """
    columns = checked(config, path)
    with transaction.atomic():
        run = run_for(principal=principal, tenant=tenant, task_id=task_id)
        config_id = columns.pop("config_id") or new_id()
        _check_room(run, config_id, path)
        row, _ = PushConfig.objects.update_or_create(
            run=run, config_id=config_id, defaults={**_fresh(), **columns, "tenant": tenant or ""}
        )
        announce(run.pk)
    return wire_of(row)


def get_config(*, principal: Principal, tenant: str | None, task_id: str, config_id: str) -> Json:
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    row = PushConfig.objects.filter(run=run, config_id=config_id).first()
    if row is None:
        raise TaskNotFound(f"push notification config not found: {config_id}")
    return wire_of(row)


def list_configs(
    *,
    principal: Principal,
    tenant: str | None,
    task_id: str,
    page_size: int = DEFAULT_PAGE_SIZE,
    page_token: str = "",
) -> Json:
    """``{"configs": [...]}``, oldest first, with ``nextPageToken`` when there are more."""
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    query = CursorQuery(limit=page_size, cursor=page_token or None)
    rows = PushConfig.objects.filter(run=run)
    try:
        page = _LISTING.page(rows, query, filters={"run": run.pk})
    except BadRequest:
        raise invalid([Violation("pageToken", "is not from this list")]) from None
    answer: Json = {"configs": [wire_of(row) for row in page.rows]}
    return answer | ({"nextPageToken": page.next_cursor} if page.next_cursor else {})


def delete_config(
    *, principal: Principal, tenant: str | None, task_id: str, config_id: str
) -> None:
    """No delivery begins afterwards. Deleting what is not there is no error."""
    run = run_for(principal=principal, tenant=tenant, task_id=task_id)
    PushConfig.objects.filter(run=run, config_id=config_id).delete()


def checked(config: Json, path: str = "") -> Json:
    """The columns that `config` sets, secrets encrypted; raises `InvalidParams` with all faults."""
    given = Members(config, path, [])
    columns = columns_of(given)
    given.check()
    return columns


def wire_of(row: PushConfig) -> Json:
    """A TaskPushNotificationConfig without its secrets."""
    found: Json = {"id": row.config_id, "taskId": row.run_id, "url": row.url}
    if row.tenant:
        found["tenant"] = row.tenant
    if row.scheme:
        found["authentication"] = {"scheme": row.scheme}
    return found


def announce(task_id: str) -> None:
    """Tells the workers, once the transaction is durable, that a config of the task is due."""
    message = {"kind": CONTROL_KIND, "task_id": task_id}
    transaction.on_commit(partial(channel().send_control, message))


def _fresh() -> Json:
    moment = now()
    return {
        "state": PushConfig.State.ACTIVE,
        "position": 0,
        "part": 0,
        "attempts": 0,
        "next_attempt_at": moment,
        # Whoever delivers for the config that is replaced finds its claim gone.
        "claimed_by": "",
        "claimed_until": None,
        "delivered": 0,
        "delivered_at": None,
        "last_status": None,
        "last_error": "",
        "updated_at": moment,
    }


def _check_room(run: Run, config_id: str, path: str) -> None:
    others = PushConfig.objects.filter(run=run).exclude(config_id=config_id)
    if others.count() >= MAX_CONFIGS:
        raise invalid([Violation(path, f"the task has {MAX_CONFIGS} webhooks already")])
