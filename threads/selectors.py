"""Lists of threads and messages, paged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentserver.access.principal import Principal
from agentserver.core.api.paging import CursorQuery, Listing, Page
from threads.models import Message, Thread
from threads.querysets import MessageQuerySet, ThreadQuerySet

THREADS = Listing("thread", "thr_", ("-updated_at", "id"))
MESSAGES = {
    "asc": Listing("message", "msg_", ("seq",)),
    "desc": Listing("message", "msg_", ("-seq",)),
}


@dataclass(frozen=True, kw_only=True)
class ThreadFilter:
    """None: not asked for. `root` asks for threads without a parent."""

    resource_id: str | None = None
    parent_id: str | None = None
    root: bool = False

    def apply(self, rows: ThreadQuerySet) -> ThreadQuerySet:
        if self.resource_id is not None:
            rows = rows.of_resource(self.resource_id)
        if self.parent_id is not None:
            rows = rows.filter(parent_id=self.parent_id)
        return rows.roots() if self.root else rows


def page_of_threads(
    *, principal: Principal, wanted: ThreadFilter, query: CursorQuery, columns: Mapping[str, Any]
) -> Page[dict[str, Any]]:
    """The newest first, as dicts of id, updated_at and ``columns`` (names to expressions)."""
    seen = principal.scope_queryset(Thread.objects.all())
    rows: Any = wanted.apply(seen).values("id", "updated_at", **columns)
    bound = [principal.resource_id, wanted.resource_id, wanted.parent_id, wanted.root]
    return THREADS.page(rows, query, filters={"threads": bound})


@dataclass(frozen=True, kw_only=True)
class MessageFilter:
    """`after` and `before` are exclusive bounds of ``Message.seq``."""

    visibility: Literal["all", "internal", "external"] = "external"
    after: int | None = None
    before: int | None = None
    run_id: str = ""
    order: Literal["asc", "desc"] = "asc"

    def apply(self, rows: MessageQuerySet) -> MessageQuerySet:
        if self.visibility == "internal":
            rows = rows.internal()
        elif self.visibility != "all":
            rows = rows.external()
        if self.after is not None:
            rows = rows.filter(seq__gt=self.after)
        if self.before is not None:
            rows = rows.filter(seq__lt=self.before)
        return rows.filter(run_id=self.run_id) if self.run_id else rows


def page_of_messages(*, thread: Thread, wanted: MessageFilter, query: CursorQuery) -> Page[Message]:
    rows = wanted.apply(Message.objects.filter(thread_id=thread.pk))
    bound = [thread.pk, wanted.visibility, wanted.after, wanted.before, wanted.run_id]
    return MESSAGES[wanted.order].page(rows, query, filters={"messages": bound})
