"""The reading half of the lean models: server-sent events in, pydantic-ai part events out."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import orjson
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models import StreamedResponse

from agentserver.core.clock import now
from runs.providers.error_bodies import error_from_stream
from runs.providers.errors import ProviderError, classify
from runs.providers.sse import EventTooLargeError, ServerSentEvent, ServerSentEventParser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from datetime import datetime

    from pydantic_ai.messages import ModelResponseStreamEvent

    from runs.providers.lean import Target

_DRAIN_SECONDS = 0.25


@dataclass
class LeanStreamedResponse(StreamedResponse):
    """One streamed answer.

    Subclasses map decoded events in ``mapped``, and set ``ended`` when the wire said it is over.
    A stream that stops before is a ProviderError ``protocol``, as are garbage and unknown error
    objects.
    """

    end_marker: ClassVar[bytes | None] = None

    response: httpx.Response
    target: Target
    started: datetime = field(default_factory=now)
    ended: bool = field(default=False, init=False)

    @abstractmethod
    def mapped(self, payload: dict[str, Any]) -> Iterable[ModelResponseStreamEvent]:
        """Part events of one decoded data line; updates usage and finish reason on the way."""

    @property
    @abstractmethod
    def may_end_now(self) -> bool:
        """Whether the answer is usable if the connection ends here."""

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        parser = ServerSentEventParser()
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                for event in self._events(parser, chunk):
                    for part_event in self._translated(event):
                        yield part_event
                if self.ended:
                    await self._drain(chunks)
                    return
        if not self.may_end_now and not self.cancelled:
            raise ProviderError("the stream ended before the answer did", code="protocol")

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self._raw():
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self.cancelled:
                return
            if not self.may_end_now:
                raise classify(error, secrets=self.target.secrets) from error

    def _raw(self) -> AsyncIterator[bytes]:
        encoded = "content-encoding" in self.response.headers
        return self.response.aiter_bytes() if encoded else self.response.aiter_raw()

    async def _drain(self, chunks: AsyncIterator[bytes]) -> None:
        # The connection can be used again only once the last bytes of the body have been read.
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in chunks:
                    pass

    def _events(self, parser: ServerSentEventParser, chunk: bytes) -> list[ServerSentEvent]:
        try:
            return parser.feed(chunk)
        except EventTooLargeError as error:
            raise ProviderError(str(error), code="protocol", retryable=False) from error

    def _translated(self, event: ServerSentEvent) -> Iterable[ModelResponseStreamEvent]:
        if event.data == self.end_marker:
            self.ended = True
            return ()
        try:
            payload = orjson.loads(event.data)
        except orjson.JSONDecodeError as error:
            raise ProviderError("the stream holds invalid JSON", code="protocol") from error
        if not isinstance(payload, dict):
            raise ProviderError("the stream holds JSON that is no object", code="protocol")
        if payload.get("error"):
            raise error_from_stream(payload, secrets=self.target.secrets)
        return self._checked(payload)

    def _checked(self, payload: dict[str, Any]) -> Iterable[ModelResponseStreamEvent]:
        try:
            yield from self.mapped(payload)
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            UnexpectedModelBehavior,
        ) as error:
            raise ProviderError("the stream holds an unexpected object", code="protocol") from error

    async def close_stream(self) -> None:
        await self.response.aclose()

    @property
    def model_name(self) -> str:
        return self.target.model_name

    @property
    def provider_name(self) -> str:
        return self.target.adapter_name

    @property
    def provider_url(self) -> str:
        return self.target.base_url

    @property
    def timestamp(self) -> datetime:
        return self.started
