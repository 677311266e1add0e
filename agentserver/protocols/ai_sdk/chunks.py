"""Chunks of a UI message stream: the ones that every client of ``ai`` 6 and 7 accepts.

Old clients refuse a whole stream for an unknown type, an unknown member, a null in an optional
member, or a missing ``input``, ``output`` or ``data``. So a chunk is only ever made here or as a
literal with nothing but required members, and an optional member without a value is left out.
"""

from collections.abc import Mapping
from typing import Any

from runs.events.types import Usage

Chunk = dict[str, Any]

_USAGE_NAMES = {
    "prompt_tokens": "inputTokens",
    "completion_tokens": "outputTokens",
    "total_tokens": "totalTokens",
    "cache_read_tokens": "cachedInputTokens",
    "cache_creation_tokens": "cacheWriteTokens",
    "thinking_tokens": "reasoningTokens",
}


def given(**members: Any) -> Chunk:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def metadata_of(usage: Usage) -> Chunk:
    """``{"messageMetadata": {"usage": ...}}``, or nothing when no tokens were counted."""
    counts = {_USAGE_NAMES[name]: count for name, count in usage.items() if name in _USAGE_NAMES}
    return {"messageMetadata": {"usage": counts}} if counts else {}


def data_chunk(
    name: str, data: Any, *, part_id: str | None = None, transient: bool = False
) -> Chunk:
    """A ``data-*`` part; a transient one reaches `onData` and no message."""
    chunk: Chunk = {"type": f"data-{name}", "data": data, **given(id=part_id)}
    return chunk | {"transient": True} if transient else chunk


def merged(old: Any, new: Mapping[str, Any]) -> dict[str, Any]:
    """Message metadata as the client merges it: objects deeply, everything else replaced."""
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        result[key] = merged(result.get(key), value) if isinstance(value, dict) else value
    return result
