"""Which thread may be the parent of which."""

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest
from threads.models import Thread


def check_parent(*, principal: Principal, thread_id: str | None, parent_id: str) -> None:
    """`BadRequest` unless ``parent_id`` exists for this caller and is no descendant of the thread.

    Locks every thread on the way to the root, so that two changes cannot close a cycle together:
    the caller is in a transaction.
    """
    visited: set[str] = set()
    ancestor: str | None = parent_id
    while ancestor is not None and ancestor not in visited:
        if ancestor == thread_id:
            raise BadRequest(f"cycle detected: {parent_id} descends from {thread_id}")
        visited.add(ancestor)
        ancestor = _parent_of(principal, ancestor, named=ancestor == parent_id)


def _parent_of(principal: Principal, thread_id: str, *, named: bool) -> str | None:
    row = Thread.objects.select_for_update().only("parent_id", "resource_id").filter(pk=thread_id)
    thread = row.first()
    if named and (thread is None or not principal.can_see(thread.resource_id)):
        raise BadRequest(f"parent thread not found: {thread_id}")
    return thread.parent_id if thread else None
