"""Identifiers: ours are UUID version 7 strings, a client's are text that fits one URL segment."""

import re

from uuid_utils import uuid7

from agentserver.core.errors import BadRequest

MAX_LENGTH = 255
# C0 and C1 controls, DEL, slash, backslash, lone surrogates: none of them survives a URL or a log.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")


def new_id() -> str:
    """A fresh UUID version 7: unique, and ordered by creation time."""
    return str(uuid7())


def is_valid_id(value: str) -> bool:
    if not 0 < len(value) <= MAX_LENGTH or value in {".", ".."}:
        return False
    return not _FORBIDDEN.search(value)


def checked_id(value: str, *, what: str) -> str:
    """``value`` when it may serve as an id, else `BadRequest` naming ``what``."""
    if not is_valid_id(value):
        raise BadRequest(
            f"invalid {what}: 1 to {MAX_LENGTH} characters without '/', '\\' or control characters"
        )
    return value


def optional_id(value: str | None, *, what: str) -> str | None:
    """Trimmed id, or None where a client sent nothing or only white space."""
    trimmed = (value or "").strip()
    return checked_id(trimmed, what=what) if trimmed else None
