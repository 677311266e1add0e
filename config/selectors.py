"""Reading entries for a caller. Nothing here returns a secret."""

from dataclasses import dataclass
from typing import Any

from agentserver.core.clock import to_ms
from agentserver.core.errors import NotFound
from agentserver.core.ids import is_valid_id
from config.models import Entry
from config.namespaces import find_namespace
from config.store import SECRETS_OVERRIDDEN, redacted


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Entry]
    total: int


def get_entry(namespace: str, key: str) -> Entry:
    """Raises `NotFound` ``unknown namespace: x`` or ``<namespace>/<key>``."""
    space = find_namespace(namespace)
    found = Entry.objects.visible().find(space.name, key) if is_valid_id(key) else None
    if found is None:
        raise NotFound(f"{namespace}/{key}")
    return found


def list_entries(namespace: str, *, offset: int, limit: int) -> Page:
    """Ordered by id. Raises `NotFound` for an unknown namespace."""
    rows = Entry.objects.visible().of_namespace(find_namespace(namespace).name).order_by("key")
    return Page(items=list(rows[offset : offset + limit]), total=rows.count())


def redacted_document(entry: Entry) -> dict[str, Any]:
    """The outward form: defaults filled in, flags for secrets, times in Unix milliseconds."""
    return {
        **redacted(entry),
        "created_at": to_ms(entry.created_at),
        "updated_at": to_ms(entry.updated_at),
        "revision": entry.revision,
    }


def current_revision(namespace: str, key: str) -> int:
    """0 when there is no such entry."""
    found = Entry.objects.visible().find(namespace, key) if is_valid_id(key) else None
    return found.revision if found else 0


def entry_meta(entry: Entry) -> dict[str, Any]:
    """Where a document comes from, and which members of a builtin one users changed."""
    changed = {name: value for name, value in entry.overrides.items() if name != SECRETS_OVERRIDDEN}
    return {
        "namespace": entry.namespace,
        "id": entry.key,
        "source": entry.source,
        "overrides": changed,
        "secrets_overridden": SECRETS_OVERRIDDEN in entry.overrides,
        "revision": entry.revision,
        "created_at": to_ms(entry.created_at),
        "updated_at": to_ms(entry.updated_at),
        "updated_by": entry.updated_by,
    }
