"""JSON Schema as a guard: compiled once, bounded in size and work, and never fetching anything."""

import threading
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from agentserver.core.exact_json import dumps, loads

if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.protocols import Validator

MAX_SCHEMA_BYTES = 64 * 1024
MAX_PROBLEMS = 5
MAX_REASON = 300
# Keyword evaluations one check under a foreign schema may take: nested references and unions can
# ask for exponentially many, and even an honest schema of a large value stays far below this.
WORK_LIMIT = 100_000

_REGEX_KEYWORDS = ("pattern", "patternProperties")
_work = threading.local()


class InvalidSchema(ValueError):
    """A JSON Schema that cannot be used; the message says why."""


class _WorkExceeded(Exception):
    pass


def checked_schema(schema: object, *, trusted: bool) -> dict[str, Any]:
    """`schema` itself when it is a usable JSON Schema object, else `InvalidSchema`.

    A foreign schema (`trusted` false: a request or a remote server sent it) may only refer to
    itself. The dialect is the one that ``$schema`` names, else draft 2020-12.
    """
    if not isinstance(schema, dict):
        raise InvalidSchema("a schema must be a JSON object")
    if not isinstance(schema.get("$schema", ""), str):
        raise InvalidSchema("$schema must be a string")
    text = _schema_text(schema)
    if not trusted:
        _refuse_foreign_references(schema)
    try:
        _compiled(text, trusted)
    except RecursionError:
        raise InvalidSchema("the schema is nested too deeply") from None
    return schema


def problems(
    schema: dict[str, Any], value: Any, *, trusted: bool = True, root: str = "arguments"
) -> list[str]:
    """Up to five reasons why `value` does not fit, each ``path: reason``; empty when it fits.

    `root` names the value itself where a reason concerns no part of it.
    Raises `InvalidSchema` when the schema is unusable or asks for an unreasonable amount of work.
    """
    from referencing.exceptions import Unresolvable

    validator = _compiled(_schema_text(schema), trusted)
    _work.left = WORK_LIMIT
    try:
        return [_reason(error, root) for error in islice(_errors(validator, value), MAX_PROBLEMS)]
    except _WorkExceeded:
        raise InvalidSchema("checking against this schema takes too much work") from None
    except (RecursionError, Unresolvable) as error:
        raise InvalidSchema(f"the schema cannot be evaluated: {type(error).__name__}") from None


def _errors(validator: "Validator", value: Any) -> Iterator["ValidationError"]:
    from jsonschema.exceptions import best_match

    for error in validator.iter_errors(value):
        # Inside anyOf/oneOf the deepest error names what is wrong; the union itself says nothing.
        yield best_match([error]) or error


def _reason(error: "ValidationError | SchemaError", root: str) -> str:
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    return f"{path.lstrip('.') or root}: {_shortened(error.message)}"


def _shortened(message: str) -> str:
    # The message quotes the offending value; its end says which rule was broken.
    if len(message) <= MAX_REASON:
        return message
    half = MAX_REASON // 2
    return f"{message[:half]} … {message[-half:]}"


def _schema_text(schema: dict[str, Any]) -> str:
    try:
        text = dumps(schema)
    except (TypeError, ValueError, RecursionError):
        raise InvalidSchema("the schema is not JSON or is nested too deeply") from None
    if len(text) > MAX_SCHEMA_BYTES:
        raise InvalidSchema(f"the schema is larger than {MAX_SCHEMA_BYTES} bytes")
    return text


@lru_cache(maxsize=512)
def _compiled(text: str, trusted: bool) -> "Validator":
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    schema = loads(text)
    dialect = validator_for(schema, default=Draft202012Validator)
    try:
        dialect.check_schema(schema)
    except SchemaError as error:
        raise InvalidSchema(f"not a JSON Schema: {_reason(error, 'schema')}") from None
    # An explicit empty registry: the default one would fetch a foreign $ref over the network.
    return (dialect if trusted else _bounded(dialect))(schema, registry=Registry())


@lru_cache(maxsize=8)
def _bounded(dialect: "type[Validator]") -> "type[Validator]":
    """The dialect for schemas of strangers: counted work, and no regular expressions.

    A pattern can take exponential time on a chosen value; whoever sent the schema runs the tool and
    checks its patterns itself.
    """
    from jsonschema import validators

    extend: Callable[..., type[Validator]] = validators.extend
    keywords: dict[str, Any] = {
        name: partial(_counted, keyword) for name, keyword in dialect.VALIDATORS.items()
    }
    keywords |= dict.fromkeys(_REGEX_KEYWORDS, _unchecked)
    return extend(dialect, validators=keywords)


def _counted(keyword: Callable[..., Any], *arguments: Any) -> Any:
    _work.left -= 1
    if _work.left < 0:
        raise _WorkExceeded
    return keyword(*arguments)


def _unchecked(*_arguments: Any) -> None:
    return None


def _refuse_foreign_references(node: object) -> None:
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            _refuse_reference(part.get("$ref"))
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)


def _refuse_reference(reference: object) -> None:
    if isinstance(reference, str) and not reference.startswith("#"):
        raise InvalidSchema(f"$ref must point inside the schema: {_shortened(reference)!r}")
