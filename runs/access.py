"""The only way from a caller and an id to a run."""

from agentserver.access.principal import Principal
from agentserver.core.errors import NotFound
from runs.models import Run


def run_not_found(run_id: str) -> NotFound:
    return NotFound(f"run not found: {run_id}")


def get_run_for(principal: Principal, run_id: str) -> Run:
    """`NotFound` also for a run on a thread of another resource."""
    runs = Run.objects.select_related("thread").defer("request_extras", "output", "thread__state")
    run = runs.filter(pk=run_id).first()
    if run is None or not principal.can_see(run.thread.resource_id):
        raise run_not_found(run_id)
    return run
