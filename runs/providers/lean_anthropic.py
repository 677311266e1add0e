"""The Anthropic messages API without the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_ai.profiles import ModelProfile
from pydantic_ai.profiles.anthropic import anthropic_model_profile

from runs.providers.lean import LeanModel, target_of
from runs.providers.lean_anthropic_messages import CACHE, anthropic_messages, system_blocks
from runs.providers.lean_anthropic_stream import MessageStream
from runs.providers.lean_openai import tool_choice
from runs.providers.settings import Effort, effort_of, effort_word

if TYPE_CHECKING:
    import httpx
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

    from runs.providers.lean_stream import LeanStreamedResponse
    from runs.providers.spec import ModelChoice

_VERSION: Final = "2023-06-01"
_MIN_BUDGET: Final = 1_024
_BUDGETS: Final[dict[Effort, int]] = {
    "none": 0,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "max": 32_000,
}
_DEFAULT_MAX_TOKENS: Final = 8_192
_OLD_MAX_TOKENS: Final = 4_096


class LeanAnthropicModel(LeanModel):
    """A model behind ``POST {base_url}/v1/messages``."""

    wire_profile: ClassVar[ModelProfile] = ModelProfile(
        supports_thinking=True, supports_json_object_output=False
    )
    streamed_response: ClassVar[type[LeanStreamedResponse]] = MessageStream

    def model_profile(self) -> ModelProfile:
        return anthropic_model_profile(self.target.model_name) or {}

    @property
    def endpoint(self) -> str:
        base = self.target.base_url.removesuffix("/v1")
        return f"{base}/v1/messages"

    def headers(self) -> dict[str, str]:
        headers = {"anthropic-version": _VERSION}
        if self.target.api_key:
            headers["x-api-key"] = self.target.api_key
        return headers

    def body(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings,
        parameters: ModelRequestParameters,
    ) -> dict[str, Any]:
        cached = bool(dict(settings).get("prompt_cache"))
        thinking = self._thinking(effort_of(settings, parameters.thinking))
        body: dict[str, Any] = {
            "model": self.model_name,
            "max_tokens": self._max_tokens(settings, thinking),
            "messages": anthropic_messages(messages, system=self.system, cached=cached),
            "stream": True,
        }
        if system := system_blocks(messages, parameters, cached=cached):
            body["system"] = system
        body |= self._sampling(settings, thinking)
        body |= _tools(settings, parameters, thinks=_thinks(thinking), cached=cached)
        return body | self._with_format(thinking, parameters)

    def _says(self, key: str) -> bool:
        return bool(dict(self.profile).get(key))

    def _max_tokens(self, settings: ModelSettings, thinking: dict[str, Any]) -> int:
        old = self.model_name.startswith(("claude-3-haiku", "claude-3-opus", "claude-3-sonnet"))
        limit = settings.get("max_tokens") or (_OLD_MAX_TOKENS if old else _DEFAULT_MAX_TOKENS)
        # The budget counts toward the limit; what the caller set is meant for the answer.
        return limit + int(thinking.get("thinking", {}).get("budget_tokens", 0))

    def _thinking(self, effort: Effort | int | None) -> dict[str, Any]:
        if effort is None:
            return {}
        word = effort_word(effort)
        if word == "none":
            always = self._says("thinking_always_enabled")
            return {} if always else {"thinking": {"type": "disabled"}}
        if self._says("anthropic_supports_adaptive_thinking") and (
            isinstance(effort, str) or self._says("anthropic_disallows_budget_thinking")
        ):
            return {"thinking": {"type": "adaptive"}, "output_config": {"effort": self._top(word)}}
        budget = effort if isinstance(effort, int) else _BUDGETS[effort]
        return {"thinking": {"type": "enabled", "budget_tokens": max(_MIN_BUDGET, budget)}}

    def _top(self, word: Effort) -> str:
        return "high" if word == "max" and not self._says("anthropic_supports_max_effort") else word

    def _sampling(self, settings: ModelSettings, thinking: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {**settings}
        body: dict[str, Any] = {}
        if not _thinks(thinking) and not self._says("anthropic_disallows_sampling_settings"):
            names = ("temperature", "top_p", "top_k")
            body = {name: given[name] for name in names if given.get(name) is not None}
        if stop := given.get("stop_sequences"):
            body["stop_sequences"] = stop
        return body

    def _with_format(
        self, thinking: dict[str, Any], parameters: ModelRequestParameters
    ) -> dict[str, Any]:
        output = parameters.output_object
        if parameters.output_mode != "native" or output is None:
            return thinking
        form = {"type": "json_schema", "schema": _closed(output.json_schema)}
        return {**thinking, "output_config": {**thinking.get("output_config", {}), "format": form}}


def _closed(schema: Any) -> Any:
    """The schema with every object closed, which the API demands of an output schema."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _thinks(thinking: dict[str, Any]) -> bool:
    return thinking.get("thinking", {}).get("type") in ("enabled", "adaptive")


def _tools(
    settings: ModelSettings, parameters: ModelRequestParameters, *, thinks: bool, cached: bool
) -> dict[str, Any]:
    choice, definitions = tool_choice(settings, parameters)
    if not definitions:
        return {}
    tools = [_tool(definition) for definition in definitions]
    if cached:
        tools[-1]["cache_control"] = CACHE
    body: dict[str, Any] = {"tools": tools}
    wire_choice = _wire_choice(choice, definitions[0].name if len(definitions) == 1 else None)
    if thinks and choice == "required":
        # A thinking model may not be forced; it is still told what tools there are.
        wire_choice = {"type": "auto"}
    if settings.get("parallel_tool_calls") is False and choice != "none":
        wire_choice["disable_parallel_tool_use"] = True
    if wire_choice != {"type": "auto"}:
        body["tool_choice"] = wire_choice
    return body


def _wire_choice(choice: str, only: str | None) -> dict[str, Any]:
    if choice == "required":
        return {"type": "tool", "name": only} if only else {"type": "any"}
    return {"type": choice}


def _tool(definition: ToolDefinition) -> dict[str, Any]:
    tool: dict[str, Any] = {
        "name": definition.name,
        "input_schema": definition.parameters_json_schema,
    }
    if definition.description:
        tool["description"] = definition.description
    return tool


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> LeanAnthropicModel:
    """The lean model of the anthropic adapter."""
    return LeanAnthropicModel(target_of(choice), http_client=http_client)
