"""Globs and regular expressions written by users, matched in time linear in the text.

Both run on the Rust ``regex`` engine inside pydantic-core: it has no backtracking (and therefore
no look-around and no back-references) and refuses patterns whose automaton grows too large, so no
pattern can stall the process. Python's ``re`` gives no such promise.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

MAX_PATTERN = 512
_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~/")

Matcher = Callable[[str], bool]


class PatternError(ValueError):
    """A pattern that cannot be compiled; the message says why."""


@lru_cache(maxsize=1024)
def regex(pattern: str) -> Matcher:
    """Whether the pattern is found anywhere in a text. Raises `PatternError`."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern may have at most {MAX_PATTERN} characters")
    return _compile(pattern)


@lru_cache(maxsize=1024)
def glob(pattern: str) -> Matcher:
    """Whether the whole text fits the glob. Raises `PatternError`.

    ``*`` and ``**`` stand for any characters (slashes and line breaks too), ``?`` for one,
    ``[abc]``, ``[a-z]`` and ``[!abc]`` for one of a set; a ``[`` without its ``]`` is itself.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern may have at most {MAX_PATTERN} characters")
    if not is_glob(pattern):
        return pattern.__eq__
    return _compile(f"(?s)^{_translate(pattern)}$")


def is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _compile(pattern: str) -> Matcher:
    try:
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError as error:
        raise PatternError(_reason(str(error))) from None

    def matches(text: str) -> bool:
        # A lone surrogate has no UTF-8 form; unreplaced it would escape every pattern.
        sound = text if text.isascii() else text.encode(errors="replace").decode()
        try:
            adapter.validate_python(sound)
        except ValidationError:
            return False
        return True

    return matches


def _reason(text: str) -> str:
    """The engine's own sentence; it ends the message, after a drawing of the place."""
    last = text.strip().splitlines()[-1].strip()
    return last.removeprefix("SchemaError:").removeprefix("error:").strip().rstrip(".")


def _translate(pattern: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        end = _set_end(pattern, position) if character == "[" else 0
        if end:
            parts.append(_character_set(pattern[position + 1 : end]))
            position = end + 1
            continue
        parts.append({"*": ".*", "?": "."}.get(character, _literal(character)))
        position += 1
    return "".join(parts)


def _set_end(pattern: str, start: int) -> int:
    """Where the set that opens at ``start`` closes, 0 when it does not; ``[]]`` holds a ``]``."""
    first = start + 2 if pattern[start + 1 : start + 2] == "!" else start + 1
    return max(pattern.find("]", first + 1), 0)


def _character_set(body: str) -> str:
    negated = body.startswith("!")
    inside = body[1:] if negated else body
    escaped = "".join(part if part == "-" else _literal(part) for part in inside)
    return f"[{'^' if negated else ''}{escaped}]"


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character
