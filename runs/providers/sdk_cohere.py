"""Cohere through pydantic-ai and the Cohere SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cohere import AsyncClientV2
from pydantic_ai.models.cohere import CohereModel
from pydantic_ai.providers.cohere import CohereProvider
from pydantic_ai.settings import ModelSettings

from runs.providers.client import shared_client
from runs.providers.sdk import SdkModel, address, required_key, wrap

if TYPE_CHECKING:
    import httpx

    from runs.providers.spec import ModelChoice


def build(choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> SdkModel:
    """The timeout belongs to the SDK's client here; custom headers are not supported."""
    client = AsyncClientV2(
        api_key=required_key(choice),
        base_url=address(choice, "/v1", "/v2"),
        timeout=float(choice.provider.timeout_secs),
        httpx_client=http_client or shared_client(),
    )
    model = CohereModel(
        choice.upstream_model,
        provider=CohereProvider(cohere_client=client),
        settings=ModelSettings(max_retries=0),
    )
    return wrap(model, choice)
