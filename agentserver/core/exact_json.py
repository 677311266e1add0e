"""JSON that comes back exactly as it was written: key order, number form, and no NUL trouble.

PostgreSQL's jsonb sorts keys, rewrites numbers and refuses ``\\u0000``; contents that travel
between protocols must not change on the way, so they live in text columns.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_LONG_NUMBER = re.compile(r"\d{19}")


def dumps(value: Any) -> str:
    """Compact JSON text, through orjson except for integers beyond 64 bits."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes) -> Any:
    """The value of `dumps`; integers of any size stay integers. Raises ValueError."""
    # orjson reads what does not fit 64 bits as a float.
    plain = text if isinstance(text, str) else text.decode()
    if not _LONG_NUMBER.search(plain):
        return orjson.loads(plain)
    try:
        return json.loads(plain, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class ExactJSONField(_TextField):
    """A JSON value kept as the text that was written. Not queryable inside the database."""

    if TYPE_CHECKING:
        # The stubs would have text on both sides.
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any
        _pyi_lookup_exact_type: Any

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
