"""Requests, wire chunks and short cuts the provider tests share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from runs.providers import ModelChoice, ProviderSettings, build_model, close_clients
from runs.providers.retry import RetryPolicy, open_stream
from tests.providers.upstream import Exchange, Received

KEY = "not-a-real-key-9177"
FAST = RetryPolicy(max_retries=2, backoff_base_ms=1)
PLAIN = ModelRequestParameters()
T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on a loop of its own, and close what the loop had opened."""

    async def closing() -> T:
        try:
            return await asyncio.wait_for(main, 30)
        finally:
            await close_clients()

    return asyncio.run(closing())


def choice(adapter: str, base_url: str, *, model: str = "some-model", **more: Any) -> ModelChoice:
    options = more.pop("adapter_options", {})
    provider = ProviderSettings(
        id="p",
        adapter=adapter,
        base_url=base_url,
        api_key=more.pop("api_key", KEY),
        timeout_secs=more.pop("timeout_secs", 20),
        adapter_options=options,
    )
    return ModelChoice(upstream_model=model, provider=provider)


def openai(base_url: str, **more: Any) -> Model[Any]:
    return build_model(choice("openai", f"{base_url}/v1", **more))


def anthropic(base_url: str, **more: Any) -> Model[Any]:
    return build_model(choice("anthropic", base_url, **more))


def asked(text: str = "hello", **more: Any) -> list[ModelMessage]:
    return [ModelRequest(parts=[UserPromptPart(text)], **more)]


async def answer(
    model: Model[Any],
    messages: list[ModelMessage] | None = None,
    *,
    settings: ModelSettings | None = None,
    parameters: ModelRequestParameters = PLAIN,
    fallbacks: tuple[Model[Any], ...] = (),
    policy: RetryPolicy = FAST,
) -> tuple[ModelResponse, list[ModelResponseStreamEvent]]:
    """The whole response and its events."""
    models = [model, *fallbacks]
    async with open_stream(
        models, messages or asked(), settings, parameters, policy=policy
    ) as stream:
        events = [event async for event in stream]
        return stream.get(), events


def tool(name: str, *, source: str = "server") -> ToolDefinition:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return ToolDefinition(
        name=name, description=name, parameters_json_schema=schema, metadata={"source": source}
    )


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None) -> dict[str, Any]:
    """One chunk of a chat completion."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices}


def said(*texts: str) -> list[dict[str, Any]]:
    return [chunk({"content": text}) for text in texts]


Handler = Callable[[Received, Exchange], Awaitable[None]]


def streaming(*payloads: object, name: bool = False) -> Handler:
    """A handler that answers with these events."""

    async def handle(_: Received, exchange: Exchange) -> None:
        await exchange.stream(*payloads, name=name)

    return handle


def failing(status: int, message: str = "no", **headers: str) -> Handler:
    async def handle(_: Received, exchange: Exchange) -> None:
        await exchange.error(status, message, **headers)

    return handle


OK = streaming(*said("fine"), chunk(finish="stop"), "[DONE]")
