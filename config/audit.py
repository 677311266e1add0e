"""Reading the history: who changed what, when. Everything here was redacted when it was written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentserver.core.api.paging import CursorQuery, Listing, Page
from agentserver.core.clock import to_ms
from agentserver.core.errors import NotFound
from config.models import EntryRevision
from config.namespaces import find_namespace

AUDIT_LOG = Listing("audit log", "aud_", ("-id",))
REVISIONS = Listing("revision", "rev_", ("-revision",))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """None means any; ``since`` is inclusive, ``until`` exclusive."""

    namespace: str | None = None
    key: str | None = None
    action: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def lookups(self) -> dict[str, Any]:
        wanted = {
            "namespace": self.namespace,
            "key": self.key,
            "action": self.action,
            "actor": self.actor,
            "at__gte": self.since,
            "at__lt": self.until,
        }
        return {name: value for name, value in wanted.items() if value is not None}


def page_of_audit_log(*, wanted: AuditFilter, query: CursorQuery) -> Page[EntryRevision]:
    """The newest first, publications among them (without namespace and id)."""
    lookups = wanted.lookups()
    rows = EntryRevision.objects.filter(**lookups).defer("full")
    shaped_by = {
        name: to_ms(value) if isinstance(value, datetime) else value
        for name, value in lookups.items()
    }
    return AUDIT_LOG.page(rows, query, filters=shaped_by)


def page_of_revisions(namespace: str, key: str, *, query: CursorQuery) -> Page[EntryRevision]:
    """The history of one entry, newest first, also of one that was deleted.

    Raises `NotFound` for an entry that never was.
    """
    name = find_namespace(namespace).name
    rows = EntryRevision.objects.filter(namespace=name, key=key).defer("full")
    page = REVISIONS.page(rows, query, filters={"namespace": name, "key": key})
    if not page.total:
        raise NotFound(f"{name}/{key}")
    return page
