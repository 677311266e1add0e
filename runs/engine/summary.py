"""Summaries of old conversation, written by the agent's own model."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

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
from runs.engine.usage import usage_of
from runs.providers.retry import RetryPolicy, open_stream
from runs.providers.settings import ProviderModelSettings

INSTRUCTION = (
    "Summarise the conversation below for the assistant that will continue it. Keep every fact, "
    "decision, name, number, identifier and open question it may still need; leave out "
    "pleasantries. Answer with the summary alone."
)


@dataclass(frozen=True)
class Summary:
    """`usage` counts the tokens that writing it took."""

    text: str
    usage: dict[str, int]


Summarise = Callable[[Sequence[Entry]], Awaitable[Summary]]


def summariser(session: Session, models: list[Model], policy: RetryPolicy) -> Summarise:
    """A function from messages to their summary; raises `ProviderError`."""

    async def summarise(entries: Sequence[Entry]) -> Summary:
        text = "\n\n".join(_told(entry) for entry in entries)
        return await session.interruptible(_ask(models, policy, text))

    return summarise


async def _ask(models: list[Model], policy: RetryPolicy, text: str) -> Summary:
    messages: list[ModelMessage] = [
        ModelRequest(parts=[SystemPromptPart(INSTRUCTION), UserPromptPart(text)])
    ]
    async with open_stream(
        models, messages, ProviderModelSettings(), ModelRequestParameters(), policy=policy
    ) as stream:
        async for _ in stream:
            pass
        response = stream.get()
    said = (part.content for part in response.parts if isinstance(part, TextPart))
    return Summary("".join(said), usage_of(response))


def _told(entry: Entry) -> str:
    calls = "".join(
        f"\n[calls {call['name']} {dumps(call['arguments'])}]" for call in entry.tool_calls
    )
    return f"{entry.role}: {entry.text}{calls}"
