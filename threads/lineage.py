"""Which thread may be the parent of which (docs/threads.md)."""

from typing import Literal

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest
from threads.models import Thread

ChildStrategy = Literal["detach", "reject", "cascade"]


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


def doomed_with(*, thread_id: str, child_strategy: ChildStrategy) -> list[str]:
    """The ids that go when ``thread_id`` is deleted: itself first, then with ``cascade`` all
    descendants. `BadRequest` where ``reject`` finds children.
    """
    if child_strategy == "cascade":
        return _with_descendants(thread_id)
    if child_strategy == "reject" and Thread.objects.filter(parent_id=thread_id).exists():
        raise BadRequest(f"thread has child threads: {thread_id}")
    return [thread_id]


def _with_descendants(thread_id: str) -> list[str]:
    found = [thread_id]
    level = list(found)
    while level:
        children = Thread.objects.filter(parent_id__in=level).exclude(pk__in=found)
        level = list(children.values_list("pk", flat=True))
        found += level
    return found
