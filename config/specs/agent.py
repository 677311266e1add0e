"""The document of an agent (docs/native-api.md, Documents)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from config.specs.base import Count, DocumentId, Globs, NonBlank, Positive, Spec
from config.specs.endpoint import Endpoint


class ContextPolicy(Spec):
    """When history is cut or summarised, in tokens and messages."""

    max_context_tokens: Positive
    max_output_tokens: Positive
    min_recent_messages: Count
    enable_prompt_cache: bool
    autocompact_threshold: Count | None = None
    compaction_mode: Literal["keep_recent_raw_suffix", "compact_to_safe_frontier"] = (
        "keep_recent_raw_suffix"
    )
    compaction_raw_suffix_messages: Count = 2


class ReasoningBudget(Spec):
    """Reasoning effort as a number of tokens."""

    budget: Positive


class StopAfterRounds(Spec):
    type: Literal["max_rounds"]
    rounds: Positive


class StopAfterSeconds(Spec):
    type: Literal["timeout"]
    seconds: Positive


class StopAfterTokens(Spec):
    type: Literal["token_budget"]
    max_total: Positive


class StopAfterErrors(Spec):
    """Consecutive tool errors."""

    type: Literal["consecutive_errors"]
    max: Positive


class StopOnTool(Spec):
    type: Literal["stop_on_tool"]
    tool_name: NonBlank


class StopOnContent(Spec):
    """The answer contains this text."""

    type: Literal["content_match"]
    pattern: NonBlank


class StopOnLoop(Spec):
    """The same call with the same arguments this many times in a row."""

    type: Literal["loop_detection"]
    window: Annotated[int, Field(ge=2, le=100)]


StopCondition = Annotated[
    StopAfterRounds
    | StopAfterSeconds
    | StopAfterTokens
    | StopAfterErrors
    | StopOnTool
    | StopOnContent
    | StopOnLoop,
    Field(discriminator="type"),
]
ReasoningEffort = Literal["none", "low", "medium", "high", "max"] | ReasoningBudget


def _once_each(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Names = Annotated[list[str], AfterValidator(_once_each)]
NameSet = Annotated[list[str], AfterValidator(lambda names: sorted(set(names)))]


class AgentSpec(Spec):
    """An agent as it is stored and as runs read it."""

    id: DocumentId
    model_id: str
    system_prompt: str
    description: str | None = None
    max_rounds: Count = Field(default=16, description="0 = unlimited")
    max_continuation_retries: Count = 2
    context_policy: ContextPolicy | None = None
    reasoning_effort: ReasoningEffort | None = None
    plugin_ids: Names = Field(default_factory=list)
    active_hook_filter: NameSet = Field(
        default_factory=list,
        validation_alias=AliasChoices("active_hook_filter", "active_plugins"),
        json_schema_extra={"uniqueItems": True},
    )
    allowed_tools: Names | None = Field(default=None, description="null = all, [] = none")
    excluded_tools: Names | None = None
    allowed_tool_patterns: Globs = Field(default_factory=list)
    excluded_tool_patterns: Globs = Field(default_factory=list)
    stop_conditions: list[StopCondition] = Field(default_factory=list)
    endpoint: Endpoint | None = None
    delegates: Names = Field(default_factory=list)
    sections: dict[str, Any] = Field(default_factory=dict)
    registry: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _run_elsewhere(cls, value: Any) -> Any:
        """An agent with an endpoint has its model and its prompt where it lives."""
        if isinstance(value, dict) and value.get("endpoint") is not None:
            return {"model_id": "", "system_prompt": "", **value}
        return value

    def plugin_section(self, plugin_id: str) -> Mapping[str, Any] | None:
        """The section of a loaded plugin ({} when it has none), None when it is not loaded."""
        if plugin_id not in self.plugin_ids:
            return None
        section: Mapping[str, Any] = self.sections.get(plugin_id) or {}
        return section
