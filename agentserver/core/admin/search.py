"""Search by id or by its beginning: the only searches that a large table answers from an index."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import connections
from django.db.models import Q, QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any, Any])

_LAST_CHARACTER = "\U0010ffff"


def by_id(rows: Rows, term: str, fields: Iterable[str]) -> Rows:
    """``rows`` one of whose ``fields`` begins with ``term``; all of them for a blank term."""
    wanted = term.strip()
    if not wanted:
        return rows
    condition = Q()
    for field in fields:
        condition |= _begins_with(_own_column(rows, field), wanted, rows.db)
    return rows.filter(condition)


def _own_column(rows: QuerySet[Any, Any], name: str) -> str:
    """``thread_id`` as ``thread__id``: the same column without a join, and with text lookups."""
    field = rows.model._meta.get_field(name)
    target = getattr(field, "target_field", None)
    return f"{field.name}__{target.name}" if field.is_relation and target else name


def _begins_with(field: str, term: str, alias: str) -> Q:
    # SQLite's LIKE ignores case and therefore the index; Postgres has an index made for LIKE, and
    # orders text by its collation, in which a range of texts is not a prefix.
    if connections[alias].vendor == "sqlite":
        return Q((f"{field}__gte", term), (f"{field}__lt", term + _LAST_CHARACTER))
    return Q((f"{field}__startswith", term))
