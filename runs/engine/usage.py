"""Token counts under the names of the native API."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse


def usage_of(response: ModelResponse) -> dict[str, int]:
    """Zero counts are left out."""
    usage = response.usage
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_creation_tokens": usage.cache_write_tokens,
        "thinking_tokens": (usage.details or {}).get("reasoning_tokens", 0),
    }
    return {name: count for name, count in counts.items() if count}


def total(*usages: dict[str, int]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for usage in usages:
        added.update(usage)
    return dict(added)
