"""Summaries of old conversation, written by the agent's own model."""

from collections.abc import Awaitable, Callable, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters

from agentserver.core.exact_json import dumps
from runs.engine.conversation import Entry
from runs.engine.session import Session
from runs.providers.retry import RetryPolicy, open_stream
from runs.providers.settings import ProviderModelSettings

INSTRUCTION = (
    "Summarise the conversation below for the assistant that will continue it. Keep every fact, "
    "decision, name, number, identifier and open question it may still need; leave out "
    "pleasantries. Answer with the summary alone."
)


def summariser(
    session: Session, models: list[Model], policy: RetryPolicy
) -> Callable[[Sequence[Entry]], Awaitable[str]]:
    """A function from messages to the text of their summary; raises `ProviderError`."""

    async def summarise(entries: Sequence[Entry]) -> str:
        text = "\n\n".join(_told(entry) for entry in entries)
        return await session.interruptible(_ask(models, policy, text))

    return summarise


async def _ask(models: list[Model], policy: RetryPolicy, text: str) -> str:
    messages: list[ModelMessage] = [
        ModelRequest(parts=[SystemPromptPart(INSTRUCTION), UserPromptPart(text)])
    ]
    async with open_stream(
        models, messages, ProviderModelSettings(), ModelRequestParameters(), policy=policy
    ) as stream:
        async for _ in stream:
            pass
        parts = stream.get().parts
    return "".join(part.content for part in parts if isinstance(part, TextPart))


def _told(entry: Entry) -> str:
    calls = "".join(
        f"\n[calls {call['name']} {dumps(call['arguments'])}]" for call in entry.tool_calls
    )
    return f"{entry.role}: {entry.text}{calls}"
