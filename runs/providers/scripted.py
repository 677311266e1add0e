"""The scripted adapter: a model that says what plain data tells it to, offline and repeatably.

The script is ``adapter_options["scripts"][upstream_model]``, else ``adapter_options["script"]``:
a list of rules, tried in order, for example::

    [{"when": {"last_user": {"contains": "weather"}, "has_tool_result": false},
      "reply": [{"reasoning": "They want the weather.", "chunks": 3},
                {"tool_call": {"name": "weather", "arguments": {"place": "{{last_user}}"}}}]},
     {"when": {"has_tool_result": "weather"},
      "reply": [{"text": "It is {{tool_result}}.", "chunk_size": 4, "delay_ms": 20}]}]

``when`` (absent: always), all given conditions must hold:

- ``last_user``: a string the last user text contains, or an object of ``regex``, ``contains``,
  ``equals``, ``starts_with``;
- ``has_tool_result``: since that message a tool of this name has answered, or any (true) or none
  (false);
- ``turn``: number of assistant turns since that message; ``message_id``: prefix of its id;
  ``metadata``: an object contained in its metadata.

``reply``, a list of actions carried out in order:

- ``{"text": ...}`` and ``{"reasoning": ..., "signature"?}``, cut by one of ``chunks`` (number of
  pieces), ``chunk_size`` (characters), ``chunk_list`` (the pieces themselves), with a pause of
  ``delay_ms`` between pieces and ``first_delay_ms`` before the first (default ``delay_ms``);
- ``{"tool_call": {"name", "arguments", "id"?}}``: arguments are an object, or a string sent as it
  is; cut and paced like text;
- ``{"client_tool": "first" | name, "arguments"?}``: calls a tool supplied by the client, known by
  ``metadata["source"] == "client"`` of its definition; without one it does nothing;
- ``{"delay_ms": n}``: a pause;
- ``{"error": {"status", "message", "retry_after", "times"}}``: fails as an HTTP endpoint would;
  with ``times`` only the first so many attempts at this point of the conversation fail;
- ``{"file": {"media_type", "data" | "url", "name"?}}``: a file of the message, base64 or by its
  address;
- ``{"artifact": {"parts", "artifact_id"?, "name"?, "description"?, "append"?, "last_chunk"?,
  "metadata"?}}``: publishes (a piece of) an artifact; parts are texts or content blocks, an id that
  is not given follows from the place in the conversation;
- ``{"data": {"name", "data", "data_id"?, "transient"?}}``: application data for the client;
- ``{"usage": {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
  "reasoning_tokens"}}``: replaces the estimate of four characters per token;
- ``{"finish_reason": "stop" | "length" | "content_filter" | "tool_call" | "error"}``.

Texts, arguments, artifacts and data may hold ``{{last_user}}``, ``{{tool_result}}`` (the latest),
``{{message_count}}`` and ``{{turn}}``. When no rule matches, the last user text is echoed.

The id and metadata of a user message come from ``ModelRequest.metadata``, which the caller sets to
``{"message_id": str, "metadata": object}``; it never travels to a real provider.
"""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic_ai.profiles import DEFAULT_PROFILE, ModelProfile

from runs.providers.script_scene import Scene, scene_of
from runs.providers.script_spec import ECHO, Rule, ScriptSpec
from runs.providers.script_stream import ScriptedStream
from runs.providers.spec import SCRIPTED, ModelChoice
from runs.providers.streaming import StreamingModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext

_MAX_REMEMBERED = 10_000
_shared_failures: Counter[str] = Counter()
"""Scripted failures by point of the conversation, for conversations whose messages have ids.

It outlives the model, so that ``times`` also counts attempts of a run that was taken up again.
"""


class ScriptedModel(StreamingModel):
    """A model that follows a script."""

    def __init__(self, model_name: str, script: ScriptSpec) -> None:
        super().__init__()
        self._name = model_name
        self._script = script
        self._own_failures: Counter[str] = Counter()

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return SCRIPTED

    @property
    def profile(self) -> ModelProfile:
        return DEFAULT_PROFILE

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        scene = scene_of(messages)
        yield ScriptedStream(
            model_request_parameters=model_request_parameters,
            name=self._name,
            scene=scene,
            rule=self._rule(scene),
            failures=self._failures(scene),
        )

    def _rule(self, scene: Scene) -> Rule:
        return next((rule for rule in self._script.root if scene.matches(rule.when)), ECHO)

    def _failures(self, scene: Scene) -> Counter[str]:
        if not scene.message_id:
            return self._own_failures
        if len(_shared_failures) > _MAX_REMEMBERED:
            _shared_failures.clear()
        return _shared_failures


def script_of(choice: ModelChoice) -> ScriptSpec:
    """The script a choice is configured with; empty (echo) when there is none."""
    options = choice.provider.adapter_options
    own = (options.get("scripts") or {}).get(choice.upstream_model)
    return ScriptSpec.model_validate(options.get("script") or [] if own is None else own)


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> ScriptedModel:
    """The scripted model; an HTTP client is of no use to it."""
    return ScriptedModel(choice.upstream_model, script_of(choice))
