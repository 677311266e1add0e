"""Request settings the engine may pass to any adapter, beyond pydantic-ai's own."""

from typing import Any, Literal, cast

from pydantic_ai.settings import ModelSettings, ThinkingLevel

Effort = Literal["none", "low", "medium", "high", "max"]

_LOW_BUDGET = 2_048
_MEDIUM_BUDGET = 12_288


class ProviderModelSettings(ModelSettings, total=False):
    """``ModelSettings`` plus what agents configure.

    ``reasoning_effort``: a word, or a number of reasoning tokens. ``prompt_cache``: ask the
    provider to cache the stable head of the conversation, where it has to be asked (Anthropic).
    """

    reasoning_effort: Effort | int
    prompt_cache: bool


def effort_of(
    settings: ModelSettings | None, thinking: ThinkingLevel | None
) -> Effort | int | None:
    """The reasoning effort in force: our setting, else pydantic-ai's ``thinking``, else None."""
    own = (settings or {}).get("reasoning_effort")
    if own is not None:
        return cast("Effort | int", own)
    if thinking is None:
        return None
    return _EFFORT_OF_THINKING[thinking]


_EFFORT_OF_THINKING: dict[ThinkingLevel, Effort] = {
    True: "medium",
    False: "none",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def effort_word(effort: Effort | int) -> Effort:
    """A token budget as the nearest word, for providers that take no number."""
    if isinstance(effort, str):
        return effort
    if effort <= 0:
        return "none"
    if effort <= _LOW_BUDGET:
        return "low"
    return "medium" if effort <= _MEDIUM_BUDGET else "high"


def thinking_of(effort: Effort | int) -> ThinkingLevel:
    """The effort in pydantic-ai's unified vocabulary."""
    word = effort_word(effort)
    return False if word == "none" else word


def unified(settings: ModelSettings | None) -> ModelSettings:
    """Settings for a model of pydantic-ai itself: our keys become ``thinking``, or go."""
    plain: dict[str, Any] = dict(settings or {})
    plain.pop("prompt_cache", None)
    effort = plain.pop("reasoning_effort", None)
    if effort is not None:
        plain["thinking"] = thinking_of(effort)
    return cast("ModelSettings", plain)
