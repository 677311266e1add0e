"""The only way from a caller and an id to a thread."""

from agentserver.access.principal import Principal
from threads.models import Thread
from threads.services import thread_not_found


def get_thread_for(principal: Principal, thread_id: str) -> Thread:
    """`NotFound` also for a thread of another resource: its existence is nobody else's business.

    `state` is read when it is first asked for.
    """
    thread = Thread.objects.defer("state").filter(pk=thread_id).first()
    if thread is None or not principal.can_see(thread.resource_id):
        raise thread_not_found(thread_id)
    return thread
