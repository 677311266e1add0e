"""Gemini through pydantic-ai and the Google SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

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
    provider = GoogleProvider(
        api_key=required_key(choice),
        base_url=address(choice, "/v1beta", "/v1"),
        http_client=shared_sdk_client(),
    )
    model = GoogleModel(choice.upstream_model, provider=provider, settings=sdk_settings(choice))
    return wrap(model, choice)
