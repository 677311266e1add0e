"""What the lean models share: a pydantic-ai ``Model`` over httpx, without a vendor SDK.

A vendor SDK validates every chunk into its own classes, which costs about 10 ms of CPU for 50
deltas. A lean model decodes each chunk with orjson and hands plain dictionaries to pydantic-ai's
parts manager. Every failure is a ProviderError.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpx
import orjson
from pydantic_ai.profiles import DEFAULT_PROFILE, ModelProfile, merge_profile
from pydantic_ai.settings import ModelSettings

from runs.providers.adapters import ADAPTERS, Adapter
from runs.providers.client import shared_client
from runs.providers.credentials import resolve_credentials
from runs.providers.error_bodies import error_from_response, error_from_stream
from runs.providers.errors import ProviderError, classify, no_api_key
from runs.providers.lean_history import plain_history
from runs.providers.streaming import StreamingModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import ModelRequestParameters, StreamedResponse
    from pydantic_ai.tools import RunContext

    from runs.providers.lean_stream import LeanStreamedResponse
    from runs.providers.spec import ModelChoice

_CONNECT_SECONDS = 10.0
_ERROR_BODY_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Target:
    """Where a lean model sends its requests, and with which secrets."""

    model_name: str
    provider_id: str
    adapter_name: str
    base_url: str
    api_key: str | None
    timeout: float
    options: Mapping[str, Any]

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.adapter_name]

    @property
    def secrets(self) -> tuple[str, ...]:
        headers = self.options.get("headers") or {}
        return tuple(filter(None, (self.api_key, *map(str, headers.values()))))


def target_of(choice: ModelChoice) -> Target:
    """The target of a choice whose adapter speaks plain HTTP."""
    provider = choice.provider
    credentials = resolve_credentials(provider)
    key = credentials.api_key
    return Target(
        model_name=choice.upstream_model,
        provider_id=provider.id,
        adapter_name=provider.adapter,
        base_url=credentials.base_url or "",
        api_key=key.get_secret_value() if key is not None else None,
        timeout=float(provider.timeout_secs),
        options=provider.adapter_options,
    )


class LeanModel(StreamingModel):
    """A streaming model over one HTTP endpoint; subclasses say what the wire looks like."""

    wire_profile: ClassVar[ModelProfile]
    streamed_response: ClassVar[type[LeanStreamedResponse]]

    def __init__(self, target: Target, *, http_client: httpx.AsyncClient | None = None) -> None:
        super().__init__()
        self.target = target
        self._http_client = http_client
        self._resolved_profile = merge_profile(
            DEFAULT_PROFILE, merge_profile(self.wire_profile, self.model_profile())
        )

    @property
    def model_name(self) -> str:
        return self.target.model_name

    @property
    def system(self) -> str:
        return self.target.adapter_name

    @property
    def base_url(self) -> str:
        return self.target.base_url

    @property
    def profile(self) -> ModelProfile:
        # Resolved once: pydantic-ai reads it several times per request, and its own property looks
        # prices and tools up each time.
        return self._resolved_profile

    def model_profile(self) -> ModelProfile:
        """What is particular about the chosen model."""
        return {}

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """The URL requests are posted to."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Authentication and version headers."""

    @abstractmethod
    def body(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings,
        parameters: ModelRequestParameters,
    ) -> dict[str, Any]:
        """The request as the provider's JSON."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        history = plain_history(self, messages, model_request_parameters)
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        settings = settings or ModelSettings()
        body = self._merged(self.body(history, settings, parameters), settings)
        async with self._opened(orjson.dumps(body), settings) as response:
            yield self.streamed_response(
                model_request_parameters=parameters, response=response, target=self.target
            )

    def _merged(self, body: dict[str, Any], settings: ModelSettings) -> dict[str, Any]:
        for extra in (self.target.options.get("extra_body"), settings.get("extra_body")):
            if isinstance(extra, dict):
                body |= extra
        return body

    @asynccontextmanager
    async def _opened(self, body: bytes, settings: ModelSettings) -> AsyncIterator[httpx.Response]:
        client = self._http_client or shared_client()
        response = await self._sent(client, body, settings)
        try:
            await self._refuse_failures(response)
            yield response
        finally:
            await response.aclose()

    async def _sent(
        self, client: httpx.AsyncClient, body: bytes, settings: ModelSettings
    ) -> httpx.Response:
        self._require_key()
        timeout = _seconds(settings, self.target.timeout)
        try:
            request = client.build_request(
                "POST",
                self.endpoint,
                content=body,
                headers=self._all_headers(settings),
                timeout=httpx.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout)),
            )
            return await client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self.failure(error) from error

    def _all_headers(self, settings: ModelSettings) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "user-agent": "agentserver",
            **self.headers(),
            **(self.target.options.get("headers") or {}),
            **settings.get("extra_headers", {}),
        }

    def _require_key(self) -> None:
        target = self.target
        if target.api_key is None and target.adapter.key_required and self._is_public_endpoint:
            raise no_api_key(target.provider_id, target.adapter.key_variables)

    @property
    def _is_public_endpoint(self) -> bool:
        # A server of one's own often takes no key, or takes it in a header of its own.
        return self.target.base_url == self.target.adapter.base_url

    async def _refuse_failures(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.OK and not _is_document(response):
            return
        try:
            body = await _limited_body(response)
        except httpx.HTTPError as error:
            raise self.failure(error) from error
        if response.status_code == httpx.codes.OK:
            raise self._not_a_stream(body)
        raise error_from_response(
            status=response.status_code,
            body=body,
            headers=cast("Mapping[str, str]", response.headers),
            secrets=self.target.secrets,
        )

    def _not_a_stream(self, body: bytes) -> ProviderError:
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            payload = None
        if isinstance(payload, dict) and payload.get("error"):
            return error_from_stream(payload, secrets=self.target.secrets)
        return ProviderError("upstream answered with a document, not a stream", code="protocol")

    def failure(self, error: BaseException) -> ProviderError:
        return classify(error, secrets=self.target.secrets)


def _is_document(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.startswith(("application/json", "text/html"))


async def _limited_body(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _ERROR_BODY_LIMIT:
            break
    return body[:_ERROR_BODY_LIMIT]


def _seconds(settings: ModelSettings, default: float) -> float:
    timeout = settings.get("timeout")
    return float(timeout) if isinstance(timeout, int | float) else default
