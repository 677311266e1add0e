"""OpenAI chat completions through pydantic-ai and the OpenAI SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

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
    provider = OpenAIProvider(
        base_url=address(choice),
        api_key=required_key(choice),
        http_client=shared_sdk_client(),
    )
    model = OpenAIChatModel(choice.upstream_model, provider=provider, settings=sdk_settings(choice))
    return wrap(model, choice)
