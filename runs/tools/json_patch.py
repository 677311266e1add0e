"""JSON Patch (RFC 6902) over plain JSON values, without side effects on its input."""

import copy
import re
from collections.abc import Sequence
from typing import Any

_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,15}")


class PatchError(ValueError):
    """The patch is malformed or does not apply; the message names the operation."""


def apply_patch(document: Any, operations: Sequence[dict[str, Any]]) -> Any:
    """The document after all operations; the given one is left as it was."""
    result = copy.deepcopy(document)
    for index, operation in enumerate(operations):
        try:
            result = _apply(result, operation)
        except (PatchError, KeyError, TypeError) as error:
            reason = f"missing {error}" if isinstance(error, KeyError) else str(error)
            raise PatchError(f"operation {index}: {reason}") from None
    return result


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _tokens(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, copy.deepcopy(operation["value"]))
        case "remove":
            return _removed(document, path)
        case "replace":
            return _replaced(document, path, copy.deepcopy(operation["value"]))
        case "move":
            return _moved(document, _tokens(operation["from"]), path)
        case "copy":
            source = _at(document, _tokens(operation["from"]))
            return _add(document, path, copy.deepcopy(source))
        case "test":
            return _tested(document, path, operation["value"])
        case other:
            raise PatchError(f"unknown op {other!r}")


def _tokens(pointer: object) -> list[str]:
    """The reference tokens of a JSON Pointer (RFC 6901)."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchError(f"not a JSON Pointer: {pointer!r}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _at(document: Any, path: list[str]) -> Any:
    for token in path:
        document = document[_key(document, token)]
    return document


def _key(container: Any, token: str, *, end: bool = False) -> Any:
    """The member name or list index a token means; it must exist, save for `end` (insertion)."""
    if isinstance(container, dict):
        return _member(container, token, end)
    if isinstance(container, list):
        return _index(container, token, end)
    raise PatchError(f"{token!r} is not inside an object or array")


def _member(container: dict[str, Any], token: str, end: bool) -> str:
    if token not in container and not end:
        raise PatchError(f"no member {token!r}")
    return token


def _index(container: list[Any], text: str, end: bool) -> int:
    if end and text == "-":
        return len(container)
    if not _ARRAY_INDEX.fullmatch(text) or int(text) >= len(container) + end:
        raise PatchError(f"no index {text!r}")
    return int(text)


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container = _at(document, path[:-1])
    key = _key(container, path[-1], end=True)
    if isinstance(container, list):
        container.insert(key, value)
    else:
        container[key] = value
    return document


def _removed(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    container = _at(document, path[:-1])
    del container[_key(container, path[-1])]
    return document


def _replaced(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container = _at(document, path[:-1])
    container[_key(container, path[-1])] = value
    return document


def _moved(document: Any, source: list[str], target: list[str]) -> Any:
    if target[: len(source)] == source and target != source:
        raise PatchError("cannot move a value into itself")
    value = _at(document, source)
    return _add(_removed(document, source), target, value)


def _tested(document: Any, path: list[str], expected: Any) -> Any:
    if not _same(_at(document, path), expected):
        raise PatchError("test failed")
    return document


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values: true is not 1, and 1 is 1.0 (RFC 6902, section 4.6)."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
