"""The only way from a caller and an id to a run, or from a caller to a channel."""

from django.http import HttpRequest

from agentserver.access.identity import identify
from agentserver.access.principal import Principal
from agentserver.core.errors import NotFound
from runs.events.eventstream import CHANGE_CHANNELS, run_of, thread_of
from runs.models import Run
from threads.models import Thread


def run_not_found(run_id: str) -> NotFound:
    return NotFound(f"run not found: {run_id}")


def get_run_for(principal: Principal, run_id: str) -> Run:
    """`NotFound` also for a run on a thread of another resource."""
    runs = Run.objects.select_related("thread").defer("request_extras", "output", "thread__state")
    run = runs.filter(pk=run_id).first()
    if run is None or not principal.can_see(run.thread.resource_id):
        raise run_not_found(run_id)
    return run


def may_read_channel(request: HttpRequest, channel: str) -> bool:
    """Who may listen to a channel under ``/events/``: what they could read over HTTP, no more.

    The lists (``runs``, ``threads``, ``mailbox``) tell of every resource, so a caller that is bound
    to one does not get them. They hold ids alone, and staff need them for the pages of the admin,
    whatever those let them see.
    """
    principal = identify(request)
    if principal and principal.kind == "user" and channel in CHANGE_CHANNELS:
        return True
    if principal is None or not principal.has("read"):
        return False
    if channel in CHANGE_CHANNELS or principal.resource_id is None:
        return principal.resource_id is None
    return _sees_run(principal, run_of(channel)) or _sees_thread(principal, thread_of(channel))


def _sees_run(principal: Principal, run_id: str | None) -> bool:
    owners = Run.objects.filter(pk=run_id).values_list("thread__resource_id", flat=True)
    return any(principal.can_see(owner) for owner in owners)


def _sees_thread(principal: Principal, thread_id: str | None) -> bool:
    owners = Thread.objects.filter(pk=thread_id).values_list("resource_id", flat=True)
    return any(principal.can_see(owner) for owner in owners)
