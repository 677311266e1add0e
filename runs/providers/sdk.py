"""What the SDK-backed models share: our settings and credentials around pydantic-ai's models."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import create_async_httpx2_client
from pydantic_ai.models.wrapper import WrapperModel

from runs.providers.adapters import ADAPTERS
from runs.providers.client import PerLoop
from runs.providers.credentials import resolve_credentials
from runs.providers.errors import no_api_key
from runs.providers.settings import unified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext

    from runs.providers.spec import ModelChoice


class SdkModel(WrapperModel):
    """A model of pydantic-ai that takes our settings.

    ``secrets`` are what its errors must not repeat. Retries of the SDK are off: ``open_stream``
    owns them.
    """

    def __init__(self, wrapped: Model[Any], *, secrets: tuple[str, ...]) -> None:
        super().__init__(wrapped)
        self.secrets = secrets

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        async with model_request_stream(
            self.wrapped,
            messages,
            model_settings=unified(model_settings),
            model_request_parameters=model_request_parameters,
            instrument=False,
        ) as stream:
            yield stream


def wrap(model: Model[Any], choice: ModelChoice) -> SdkModel:
    """The model as ``build_model`` hands it out."""
    headers = choice.provider.adapter_options.get("headers") or {}
    return SdkModel(model, secrets=(required_key(choice), *map(str, headers.values())))


def required_key(choice: ModelChoice) -> str:
    """The API key of a choice; ProviderError ``auth`` where none is configured."""
    provider = choice.provider
    key = resolve_credentials(provider).api_key
    if key is None:
        raise no_api_key(provider.id, ADAPTERS[provider.adapter].key_variables)
    return key.get_secret_value()


def sdk_settings(choice: ModelChoice) -> ModelSettings:
    """Settings every request of the model starts from."""
    options = choice.provider.adapter_options
    settings: dict[str, Any] = {
        "timeout": float(choice.provider.timeout_secs),
        "max_retries": 0,
        "extra_headers": options.get("headers"),
        "extra_body": options.get("extra_body"),
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return cast("ModelSettings", given)


def address(choice: ModelChoice, *suffixes: str) -> str | None:
    """The base URL without the path the SDK adds by itself; None for the SDK's default."""
    url = resolve_credentials(choice.provider).base_url
    for suffix in suffixes:
        url = url.removesuffix(suffix) if url else url
    return url


clients: PerLoop[httpx2.AsyncClient] = PerLoop(create_async_httpx2_client)


def shared_sdk_client() -> httpx2.AsyncClient:
    """The running loop's client for SDKs over httpx2."""
    return clients.get()
