"""The smallest question to a model that shows whether its provider works."""

from typing import Final

from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from runs.providers import ModelChoice, build_model
from runs.providers.retry import RetryPolicy, open_stream

# OpenAI's Responses API refuses fewer. The stream is closed at its first event anyway.
_MAX_TOKENS: Final = 16


async def probe(choice: ModelChoice) -> None:
    """Waits for the model's first event. Raises ProviderError, or what `build_model` raises."""
    messages = [ModelRequest(parts=[UserPromptPart("ping")])]
    settings = ModelSettings(max_tokens=_MAX_TOKENS)
    once = RetryPolicy(max_retries=0)
    async with open_stream(
        [build_model(choice)], list(messages), settings, ModelRequestParameters(), policy=once
    ):
        return
