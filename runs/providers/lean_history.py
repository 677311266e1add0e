"""Message history as the lean models read it."""

from collections.abc import Iterator, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    SystemPromptPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters

_PLAIN = (SystemPromptPart, UserPromptPart, ToolReturnPart)


def plain_history(
    model: Model[None], messages: list[ModelMessage], parameters: ModelRequestParameters
) -> list[ModelMessage]:
    """History whose requests hold only system prompts, user prompts and tool returns.

    Anything rarer (retries, instruction deltas, speech) is translated by pydantic-ai's own
    message preparation, whose price only such histories pay.
    """
    if all(isinstance(part, _PLAIN) for part in _request_parts(messages)):
        return messages
    return model.prepare_messages(messages, parameters)


def instructions_of(
    messages: Sequence[ModelMessage], parameters: ModelRequestParameters
) -> list[str]:
    """System texts that belong before the history: those of the request's parameters, after the
    latest ``ModelRequest.instructions`` where the parameters only add output rules."""
    texts = [part.content for part in parameters.instruction_parts or () if part.content]
    added_only = parameters.prompted_output_instructions
    if not texts or texts == [added_only]:
        latest = next(
            (m.instructions for m in reversed(messages) if isinstance(m, ModelRequest)), None
        )
        texts = [latest, *texts] if latest else texts
    return texts


def tool_results_first(parts: Sequence[ModelRequestPart]) -> list[ModelRequestPart]:
    """The parts with tool returns in front: both wires want them right after the calls."""
    return sorted(parts, key=lambda part: not isinstance(part, ToolReturnPart))


def _request_parts(messages: Sequence[ModelMessage]) -> Iterator[ModelRequestPart]:
    for message in messages:
        if isinstance(message, ModelRequest):
            yield from message.parts
