"""Pages of lists: offset, limit and opaque cursors over keyset queries.

A cursor carries the position of the last row it delivered, signed together with the filters of
the list: every page is one index range however deep it lies, and a foreign cursor is refused.
A bare number is accepted as a cursor too and counts like ``offset``.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

import orjson
from django.conf import settings
from django.db.models import Model, Q, QuerySet
from pydantic import AfterValidator, BaseModel, Field

from agentserver.core.api.fields import MAX_INTEGER, Unsigned
from agentserver.core.clock import EPOCH
from agentserver.core.errors import BadRequest

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_MAC_BYTES = 9
_MAX_DIGITS = len(str(MAX_INTEGER))

Row = TypeVar("Row")
Position = list[Any]


def _clamp(limit: int) -> int:
    return min(max(limit, 1), MAX_LIMIT)


Limit = Annotated[Unsigned, AfterValidator(_clamp)]


class PageQuery(BaseModel):
    """``offset`` and ``limit`` of every list; ``limit`` is clamped into 1..200, never an error."""

    offset: Unsigned = Field(default=0, description="Rows to skip")
    limit: Limit = Field(default=DEFAULT_LIMIT, description="Rows per page, clamped into 1..200")


class CursorQuery(PageQuery):
    cursor: str | None = Field(
        default=None, description="`next_cursor` of the page before; goes before `offset`"
    )


@dataclass(frozen=True)
class Page(Generic[Row]):
    """`offset` is where the page began, also when a cursor led to it."""

    rows: list[Row]
    offset: int
    limit: int
    total: int
    next_cursor: str | None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None

    def body(
        self, items: Sequence[Any], *, name: str = "items", with_place: bool = False
    ) -> dict[str, Any]:
        """The answer of a list: ``items`` are the rows as they are shown, under ``name``.

        ``with_place`` adds `offset` and `limit`.
        """
        place = {"offset": self.offset, "limit": self.limit} if with_place else {}
        return {
            name: items,
            **place,
            "total": self.total,
            "has_more": self.has_more,
            "next_cursor": self.next_cursor,
        }


@dataclass(frozen=True)
class Listing:
    """One kind of list: its name in errors, how its cursors begin, and the order of its rows.

    `order` is a Django ordering ("-updated_at", "id") whose last field makes it unique.
    """

    kind: str
    prefix: str
    order: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name.removeprefix("-") for name in self.order)

    def page(
        self, rows: QuerySet[Any, Row], query: CursorQuery, *, filters: Mapping[str, Any]
    ) -> Page[Row]:
        """Three queries at most: the count, the row an offset points at, and the page.

        ``rows`` yields models or ``values()`` with the fields of the order; ``filters`` is all that
        shaped it. Raises `BadRequest` for a cursor that is not from this list.
        """
        offset, position = self._start(query, filters)
        total = rows.count()
        chosen = self._from(rows.order_by(*self.order), offset, position)
        found = list(chosen[: query.limit + 1]) if chosen is not None else []
        cursor = None
        if len(found) > query.limit:
            found.pop()
            last = [_value(found[-1], name) for name in self.fields]
            cursor = self._encode(offset + len(found), last, filters)
        return Page(found, offset, query.limit, total, cursor)

    def page_of(
        self, rows: Sequence[Row], query: CursorQuery, *, filters: Mapping[str, Any]
    ) -> Page[Row]:
        """`page` of rows that are in memory and in order already."""
        offset, position = self._start(query, filters)
        first = offset
        if position is not None:
            first = sum(not self._is_beyond(row, position) for row in rows)
        found = list(rows[first : first + query.limit])
        cursor = None
        if first + query.limit < len(rows):
            last = [_value(found[-1], name) for name in self.fields]
            cursor = self._encode(offset + len(found), last, filters)
        return Page(found, offset, query.limit, len(rows), cursor)

    def _is_beyond(self, row: Any, position: Position) -> bool:
        for name, value in zip(self.order, position, strict=True):
            own = _value(row, name.removeprefix("-"))
            if own != value:
                return bool(own < value if name.startswith("-") else own > value)
        return False

    def _start(self, query: CursorQuery, filters: Mapping[str, Any]) -> tuple[int, Position | None]:
        cursor = (query.cursor or "").strip()
        if not cursor:
            return query.offset, None
        if cursor.isascii() and cursor.isdigit():
            if len(cursor) > _MAX_DIGITS or int(cursor) > MAX_INTEGER:
                raise self._malformed()
            return int(cursor), None
        return self._decode(cursor, filters)

    def _from(
        self, rows: QuerySet[Any, Row], offset: int, position: Position | None
    ) -> QuerySet[Any, Row] | None:
        if position is not None:
            return rows.filter(self._beyond(position, inclusive=False))
        if not offset:
            return rows
        # Skipping over the index alone: the rows themselves may be large.
        at = rows.values_list(*self.fields)[offset : offset + 1]
        first = next(iter(at), None)
        return None if first is None else rows.filter(self._beyond(first, inclusive=True))

    def _beyond(self, position: Sequence[Any], *, inclusive: bool) -> Q:
        reach = Q()
        equal = Q()
        last = len(self.order) - 1
        for index, (name, value) in enumerate(zip(self.order, position, strict=True)):
            field, comparison = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
            if index == last and inclusive:
                comparison += "e"
            reach |= equal & Q(**{f"{field}__{comparison}": value})
            equal &= Q(**{field: value})
        # Implied by the rest, but the one condition that a database turns into an index range.
        first = f"{self.fields[0]}__{'lte' if self.order[0].startswith('-') else 'gte'}"
        return Q(**{first: position[0]}) & reach if last else reach

    # --- tokens -----------------------------------------------------------------------------
    def _encode(self, offset: int, position: Position, filters: Mapping[str, Any]) -> str:
        payload = orjson.dumps([offset, *map(_pack, position)])
        token = base64.urlsafe_b64encode(self._mac(payload, filters) + payload)
        return self.prefix + token.decode().rstrip("=")

    def _decode(self, cursor: str, filters: Mapping[str, Any]) -> tuple[int, Position]:
        mac, payload = self._unpack(cursor)
        if not hmac.compare_digest(mac, self._mac(payload, filters)):
            raise BadRequest(f"cursor does not match {self.kind} query filters")
        offset, *position = orjson.loads(payload)
        return offset, [_restore(value) for value in position]

    def _unpack(self, cursor: str) -> tuple[bytes, bytes]:
        token = cursor.removeprefix(self.prefix)
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise self._malformed() from None
        if token == cursor or len(raw) <= _MAC_BYTES:
            raise self._malformed()
        return raw[:_MAC_BYTES], raw[_MAC_BYTES:]

    def _mac(self, payload: bytes, filters: Mapping[str, Any]) -> bytes:
        bound = orjson.dumps([self.kind, self.order, filters], option=orjson.OPT_SORT_KEYS)
        key = hashlib.sha256(b"cursor:" + settings.SECRET_KEY.encode()).digest()
        mac = hashlib.blake2b(payload, key=key, digest_size=_MAC_BYTES)
        mac.update(b"\0" + bound)
        return mac.digest()

    @staticmethod
    def _malformed() -> BadRequest:
        return BadRequest("cursor must be an unsigned integer offset or a token from this list")


def _value(row: Any, name: str) -> Any:
    return getattr(row, name) if isinstance(row, Model) else row[name]


def _pack(value: Any) -> Any:
    """Datetimes as [microseconds], so that they come back as what they were."""
    if isinstance(value, datetime):
        return [(value - EPOCH) // timedelta(microseconds=1)]
    return value


def _restore(value: Any) -> Any:
    return EPOCH + timedelta(microseconds=value[0]) if isinstance(value, list) else value
