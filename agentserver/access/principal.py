"""Who is calling, and what that lets them do."""

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from django.db.models import QuerySet

from agentserver.core.errors import Forbidden

SCOPES = ("read", "run", "config", "admin")

Rows = TypeVar("Rows", bound=QuerySet[Any, Any])


@dataclass(frozen=True, slots=True)
class Principal:
    """`id` is the public part of a key, the primary key of a user, or "" for an anonymous caller.

    `resource_id` binds a caller to one resource: nothing of another resource exists for them.
    The scope ``admin`` includes the others.
    """

    kind: Literal["anonymous", "key", "user"]
    id: str
    name: str
    scopes: frozenset[str]
    resource_id: str | None = None

    def has(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: str) -> None:
        if not self.has(scope):
            raise Forbidden(f"this needs the scope {scope!r}", code="insufficient_scope")

    def can_see(self, resource_id: str | None) -> bool:
        return self.resource_id is None or self.resource_id == (resource_id or "")

    def scope_queryset(self, rows: Rows, field: str = "resource_id") -> Rows:
        """``rows`` without those of other resources; ``field`` is the lookup of the resource id."""
        if self.resource_id is None:
            return rows
        lookup: dict[str, Any] = {field: self.resource_id}
        return rows.filter(**lookup)

    def resource_for_new(self, wanted: str | None) -> str:
        """The resource of something this caller creates; `Forbidden` for another than their own."""
        if self.resource_id is None:
            return wanted or ""
        if wanted and wanted != self.resource_id:
            raise Forbidden("this key is bound to another resource")
        return self.resource_id


ANONYMOUS = Principal("anonymous", "", "anonymous", frozenset(SCOPES))
