"""The Anthropic messages API through pydantic-ai and the Anthropic SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from runs.providers.sdk import (
    SdkModel,
    address,
    required_key,
    sdk_settings,
    shared_sdk_client,
    wrap,
)

if TYPE_CHECKING:
    import httpx

    from runs.providers.spec import ModelChoice


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> SdkModel:
    """The SDK brings its own kind of client, one per event loop; ``http_client`` is not used."""
    provider = AnthropicProvider(
        api_key=required_key(choice),
        base_url=address(choice, "/v1"),
        http_client=shared_sdk_client(),
    )
    model = AnthropicModel(choice.upstream_model, provider=provider, settings=sdk_settings(choice))
    return wrap(model, choice)
