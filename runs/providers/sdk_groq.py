"""Groq through pydantic-ai and the Groq SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models.groq import GroqModel
from pydantic_ai.providers.groq import GroqProvider

from runs.providers.client import shared_client
from runs.providers.sdk import SdkModel, address, required_key, sdk_settings, wrap

if TYPE_CHECKING:
    import httpx

    from runs.providers.spec import ModelChoice


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> SdkModel:
    """The SDK adds ``/openai/v1`` to the address by itself, so it is cut off here."""
    provider = GroqProvider(
        api_key=required_key(choice),
        base_url=address(choice, "/openai/v1"),
        http_client=http_client or shared_client(),
    )
    model = GroqModel(choice.upstream_model, provider=provider, settings=sdk_settings(choice))
    return wrap(model, choice)
