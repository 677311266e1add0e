"""JSON that comes back exactly as it was written: key order, number form, and no NUL trouble.

PostgreSQL's jsonb sorts keys, rewrites numbers and refuses ``\\u0000``; contents that travel
between protocols must not change on the way, so they live in text columns.
"""

import json
from typing import TYPE_CHECKING, Any

import orjson
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


def dumps(value: Any) -> str:
    """Compact JSON text. Integers beyond 64 bits go the slow way, everything else through orjson."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes) -> Any:
    return orjson.loads(text)


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class ExactJSONField(_TextField):
    """A JSON value kept as the text that was written. Not queryable inside the database."""

    def from_db_value(
        self, value: str | None, expression: object, connection: BaseDatabaseWrapper
    ) -> Any:
        return None if value is None else loads(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else dumps(value)

    def value_to_string(self, obj: models.Model) -> str:
        return dumps(self.value_from_object(obj))
