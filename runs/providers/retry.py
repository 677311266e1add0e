"""Opening a streamed inference with retries and fallback models."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runs.providers.errors import ProviderError, classify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pydantic_ai.messages import ModelMessage, ModelResponseStreamEvent
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently one model is tried again.

    Waits double from ``backoff_base_ms`` up to ``backoff_cap_ms``, shortened by up to a quarter at
    random so that many runs do not come back together. A longer ``Retry-After`` is honoured up to
    ``retry_after_cap_secs``.
    """

    max_retries: int = 2
    backoff_base_ms: int = 500
    backoff_cap_ms: int = 8_000
    retry_after_cap_secs: float = 30.0

    def delay(self, attempt: int, error: ProviderError) -> float:
        """Seconds to wait after the failure of attempt number ``attempt`` (counted from 0)."""
        backoff: float = min(self.backoff_base_ms << min(attempt, 30), self.backoff_cap_ms) / 1000
        asked = min(error.retry_after or 0.0, self.retry_after_cap_secs)
        return max(asked, backoff * _random_share())


def _random_share() -> float:
    return random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True)
class _Inference:
    messages: list[ModelMessage]
    settings: ModelSettings | None
    parameters: ModelRequestParameters

    def stream(self, model: Model[Any]) -> AbstractAsyncContextManager[StreamedResponse]:
        return model.request_stream(self.messages, self.settings, self.parameters)


@dataclass
class _Opened:
    """A stream that has produced its first event, and what must be closed with it."""

    stream: StreamedResponse
    stack: AsyncExitStack = field(repr=False)


@asynccontextmanager
async def open_stream(
    models: Sequence[Model[Any]],
    messages: list[ModelMessage],
    settings: ModelSettings | None,
    parameters: ModelRequestParameters,
    *,
    policy: RetryPolicy | None = None,
) -> AsyncIterator[StreamedResponse]:
    """The streamed answer of the first model that begins one.

    Each model of ``models`` is tried ``1 + max_retries`` times while it fails in a way that may
    pass; then the next one takes over. A permanent failure ends the matter at once. From the first
    event on nothing is repeated: a later failure reaches whoever iterates. All failures, before and
    after, are ProviderError. Leaving the block, also by cancellation, closes the connection.
    """
    inference = _Inference(messages, settings, parameters)
    opened = await _first_opened(models, inference, policy or RetryPolicy())
    async with opened.stack:
        yield opened.stream


async def _first_opened(
    models: Sequence[Model[Any]], inference: _Inference, policy: RetryPolicy
) -> _Opened:
    if not models:
        raise ProviderError("no model to ask", code="bad_request")
    for model in models[:-1]:
        try:
            return await _with_retries(model, inference, policy)
        except ProviderError as error:
            if not error.retryable:
                raise
            logger.warning("model %s gave up (%s); falling back", model.model_name, error.code)
    return await _with_retries(models[-1], inference, policy)


async def _with_retries(model: Model[Any], inference: _Inference, policy: RetryPolicy) -> _Opened:
    for attempt in range(policy.max_retries):
        try:
            return await _attempt(model, inference)
        except ProviderError as error:
            if not error.retryable:
                raise
            delay = policy.delay(attempt, error)
            logger.info("model %s: %s, again in %.1f s", model.model_name, error.code, delay)
        await asyncio.sleep(delay)
    return await _attempt(model, inference)


async def _attempt(model: Model[Any], inference: _Inference) -> _Opened:
    async with AsyncExitStack() as stack:
        try:
            stream = await stack.enter_async_context(inference.stream(model))
            events = aiter(stream)
            first = await anext(events, None)
        except ProviderError:
            raise
        except Exception as error:
            raise _classified(model, error) from error
        replay = _Replay(model, first, events)
        # The stream hands out one iterator for its whole life; ours begins with the event that
        # has already been taken.
        stream._event_iterator = replay
        stack.push_async_callback(replay.aclose)
        return _Opened(stream, stack.pop_all())


class _Replay:
    """The first event, then the rest, with every failure classified."""

    def __init__(
        self,
        model: Model[Any],
        first: ModelResponseStreamEvent | None,
        rest: AsyncIterator[ModelResponseStreamEvent],
    ) -> None:
        self._model = model
        self._first = first
        self._rest = rest

    def __aiter__(self) -> _Replay:
        return self

    async def __anext__(self) -> ModelResponseStreamEvent:
        if (first := self._first) is not None:
            self._first = None
            return first
        try:
            return await anext(self._rest)
        except (StopAsyncIteration, ProviderError):
            raise
        except Exception as error:
            raise _classified(self._model, error) from error

    async def aclose(self) -> None:
        close = getattr(self._rest, "aclose", None)
        if close is not None:
            await close()


def _classified(model: Model[Any], error: Exception) -> ProviderError:
    # A lean model has redacted its errors already; an SDK's may quote the key it was built with.
    return classify(error, secrets=getattr(model, "secrets", ()))
