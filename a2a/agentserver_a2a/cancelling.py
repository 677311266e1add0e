"""CancelTask (A2A 1.0, section 3.1.5)."""

from contextlib import suppress
from typing import Any

from django.conf import settings

from agentserver.access.principal import Principal
from agentserver.core import loops
from agentserver.core.database import release_database
from agentserver.core.errors import NotFound
from agentserver_a2a.errors import TaskNotCancelable
from agentserver_a2a.tasks import run_for, task_for
from runs.events import log
from runs.models import Run
from runs.services import cancel_run

Json = dict[str, Any]


def cancel_task(*, principal: Principal, tenant: str | None, task_id: str) -> Json:
    """Stops the task and returns it once that is stored.

    A worker that does not let go in AGENTSERVER_RELEASE_SECONDS leaves the task as it is then; its
    cancellation stays requested. Raises `TaskNotFound`, and `TaskNotCancelable` for a task that has
    ended.
    """
    run_for(principal=principal, tenant=tenant, task_id=task_id)
    try:
        cancel_run(principal=principal, run_id=task_id)
    except NotFound as error:
        ended = f"the task {task_id} has ended"
        raise TaskNotCancelable(ended, metadata={"taskId": task_id}) from error
    if Run.objects.filter(pk=task_id).exclude(status=Run.Status.DONE).exists():
        release_database()
        with suppress(TimeoutError):
            loops.run_sync(_end(task_id), settings.AGENTSERVER_RELEASE_SECONDS)
    return task_for(principal=principal, tenant=tenant, task_id=task_id)


async def _end(run_id: str) -> None:
    async for _ in log.follow(run_id):
        pass
