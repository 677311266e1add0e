"""OpenAI chat completions, and every endpoint compatible with them, without the SDK."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_ai.profiles import ModelProfile
from pydantic_ai.profiles.openai import openai_model_profile
from pydantic_ai.settings import ModelSettings, ToolOrOutput

from runs.providers.lean import LeanModel, target_of
from runs.providers.lean_history import instructions_of
from runs.providers.lean_openai_messages import chat_messages
from runs.providers.lean_openai_stream import ChatStream
from runs.providers.settings import Effort, effort_of, effort_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    from runs.providers.lean_stream import LeanStreamedResponse
    from runs.providers.spec import ModelChoice

_SAMPLING: Final = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"}
)
_PASSED_ON: Final = (
    *sorted(_SAMPLING),
    "seed",
    "service_tier",
)
_NEVER_REASONS: Final = re.compile(r"gpt-3|gpt-4|chatgpt")
_LADDER: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS: Final[dict[Effort, int]] = {
    "none": 0,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "max": 32_768,
}


class LeanOpenAIModel(LeanModel):
    """A model behind ``POST {base_url}/chat/completions``."""

    wire_profile: ClassVar[ModelProfile] = ModelProfile(
        supports_json_schema_output=True,
        supports_json_object_output=True,
        supports_inline_system_prompts=True,
        supports_thinking=True,
        # Tool schemas are the author's: they travel as they are, strict only where declared so.
        json_schema_transformer=None,
    )
    streamed_response: ClassVar[type[LeanStreamedResponse]] = ChatStream

    def model_profile(self) -> ModelProfile:
        if self.target.adapter_name != "openai":
            return {}
        known = openai_model_profile(self.target.model_name)
        return {**known, **self.wire_profile}

    @property
    def endpoint(self) -> str:
        return f"{self.target.base_url}/chat/completions"

    def headers(self) -> dict[str, str]:
        target = self.target
        headers = {"authorization": f"Bearer {target.api_key}"} if target.api_key else {}
        for option in ("organization", "project"):
            if value := target.options.get(option):
                headers[f"openai-{option}"] = str(value)
        return headers

    def customize_request_parameters(
        self, model_request_parameters: ModelRequestParameters
    ) -> ModelRequestParameters:
        parameters = super().customize_request_parameters(model_request_parameters)
        if parameters.output_mode == "native" and not self.target.adapter.json_schema:
            # The endpoint can only promise "some JSON"; the schema goes into the instructions.
            return replace(parameters, output_mode="prompted")
        return parameters

    def body(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings,
        parameters: ModelRequestParameters,
    ) -> dict[str, Any]:
        effort = effort_of(settings, parameters.thinking)
        body: dict[str, Any] = {
            "model": self.model_name,
            "messages": chat_messages(
                messages,
                instructions=instructions_of(messages, parameters),
                system=self.system,
                video_input=self.target.adapter.video_input,
            ),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body |= self._plain_settings(settings, effort)
        body |= _tools(settings, parameters)
        body |= _response_format(parameters)
        return body | self._reasoning(effort)

    def _plain_settings(
        self, settings: ModelSettings, effort: Effort | int | None
    ) -> dict[str, Any]:
        given: dict[str, Any] = {**settings}
        names = (
            name for name in _PASSED_ON if not (name in _SAMPLING and self._samples_not(effort))
        )
        body = {name: given[name] for name in names if given.get(name) is not None}
        if (limit := given.get("max_tokens")) is not None:
            body[self.target.adapter.max_tokens_field] = limit
        if stop := given.get("stop_sequences"):
            body["stop"] = stop
        return body

    def _samples_not(self, effort: Effort | int | None) -> bool:
        """Whether the model refuses sampling settings because it reasons."""
        if not self._profile_says("openai_supports_reasoning"):
            return False
        if effort is None:
            return self._profile_says("thinking_enabled_by_default")
        return effort_word(effort) != "none" or self._profile_says("thinking_always_enabled")

    def _profile_says(self, key: str) -> bool:
        return bool(dict(self.profile).get(key))

    def _reasoning(self, effort: Effort | int | None) -> dict[str, Any]:
        if effort is None:
            return {}
        word = effort_word(effort)
        match self.target.adapter.reasoning:
            case "thinking_switch":
                return {"thinking": {"type": "disabled" if word == "none" else "enabled"}}
            case "enable_thinking":
                if word == "none":
                    return {"enable_thinking": False}
                budget = effort if isinstance(effort, int) else _BUDGETS[effort]
                return {"enable_thinking": True, "thinking_budget": budget}
            case "effort":
                return self._effort(word)

    def _effort(self, word: Effort) -> dict[str, Any]:
        if self.target.adapter_name == "openai" and _NEVER_REASONS.match(self.model_name):
            return {}
        accepted = dict(self.profile).get("openai_reasoning_efforts")
        if not isinstance(accepted, frozenset):
            return {"reasoning_effort": "high" if word == "max" else word}
        return {"reasoning_effort": _nearest(word, accepted)}


def _nearest(word: Effort, accepted: frozenset[str]) -> str:
    """The least accepted effort that is not below the wanted one, else the greatest."""
    ordered = [step for step in _LADDER if step in accepted]
    wanted = _LADDER.index(word)
    return next((step for step in ordered if _LADDER.index(step) >= wanted), ordered[-1])


def _tools(settings: ModelSettings, parameters: ModelRequestParameters) -> dict[str, Any]:
    choice, definitions = tool_choice(settings, parameters)
    if not definitions:
        return {}
    body: dict[str, Any] = {"tools": [_tool(definition) for definition in definitions]}
    if len(definitions) == 1 and choice == "required":
        body["tool_choice"] = {"type": "function", "function": {"name": definitions[0].name}}
    elif choice != "auto":
        body["tool_choice"] = choice
    if (parallel := settings.get("parallel_tool_calls")) is not None:
        body["parallel_tool_calls"] = parallel
    return body


def tool_choice(
    settings: ModelSettings, parameters: ModelRequestParameters
) -> tuple[str, Sequence[ToolDefinition]]:
    """``auto``, ``required`` or ``none``, and the tools the model may see under that choice.

    A list of names becomes ``required`` with only these tools. An output tool is always offered,
    and one of the tools required where plain text is no acceptable answer.
    """
    tools = parameters.declared_function_tools
    wanted = settings.get("tool_choice")
    if isinstance(wanted, ToolOrOutput):
        named = wanted.function_tools
        wanted, tools = None, [tool for tool in tools if tool.name in named]
    if isinstance(wanted, list):
        everything = [*tools, *parameters.output_tools]
        return "required", [tool for tool in everything if tool.name in wanted]
    if wanted == "none" and parameters.output_tools:
        wanted, tools = None, []
    offered = [*tools, *parameters.output_tools]
    if wanted in (None, "auto") and parameters.output_tools and not parameters.allow_text_output:
        return "required", offered
    return wanted or "auto", offered


def _tool(definition: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": definition.name,
        "description": definition.description or "",
        "parameters": definition.parameters_json_schema,
    }
    if definition.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _response_format(parameters: ModelRequestParameters) -> dict[str, Any]:
    output = parameters.output_object
    if parameters.output_mode == "prompted" and not parameters.function_tools:
        return {"response_format": {"type": "json_object"}}
    if parameters.output_mode != "native" or output is None:
        return {}
    schema: dict[str, Any] = {"name": output.name or "answer", "schema": output.json_schema}
    if output.description:
        schema["description"] = output.description
    schema["strict"] = bool(output.strict)
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> LeanOpenAIModel:
    """The lean model of any OpenAI-compatible adapter."""
    return LeanOpenAIModel(target_of(choice), http_client=http_client)
