"""Types for wire models: what text columns, JSON columns and query strings can hold."""

from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from agentserver.core.errors import BadRequest

MAX_INTEGER = 2**63 - 1
MAX_MESSAGES = 30_000
"""Messages of one request: databases look no more ids up in one statement than about that."""


def either(*names: str) -> AliasChoices:
    """A member that may be sent under any of ``names``; the first that is there counts."""
    return AliasChoices(*names)


def _no_nul(value: Any) -> Any:
    """Refuses U+0000 anywhere in ``value``: Postgres stores it neither in text nor in jsonb."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise BadRequest("the character U+0000 cannot be stored")
        elif isinstance(item, dict):
            pending += [*item, *item.values()]
        elif isinstance(item, list):
            pending += item
    return value


def _unsigned(value: Any) -> Any:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()) or int(value) > MAX_INTEGER:
            raise ValueError("must be an unsigned integer")
        return int(value)
    return value


# Text for a text column.
PlainText = Annotated[str, AfterValidator(_no_nul)]
# A JSON object for a queryable JSON column.
PlainObject = Annotated[dict[str, Any], AfterValidator(_no_nul)]
# A number of a query string: digits only, at most 2^63 - 1.
Unsigned = Annotated[int, Field(ge=0), BeforeValidator(_unsigned)]
