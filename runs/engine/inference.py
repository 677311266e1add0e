"""One inference: a model's stream becomes events as it arrives, and a message at its end."""

import time
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import (
    FilePart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

from runs.engine.session import Session
from runs.engine.transcript import Call, Transcript
from runs.engine.usage import total, usage_of
from runs.events.types import InferenceCompleted, StepReset, StepStarted
from runs.providers.aside import Aside
from runs.providers.errors import ProviderError, classify
from runs.providers.retry import RetryPolicy, open_stream
from threads.content import text_of

CONTINUE = (
    "Your answer was cut off at the output limit. Continue exactly where it stopped, "
    "without repeating anything."
)


@dataclass(frozen=True)
class Request:
    """What to ask. `models` are tried in order; settings are those of the model layer.

    `spent` are tokens that getting ready to ask has cost.
    """

    models: list[Model]
    messages: list[ModelMessage]
    settings: ModelSettings
    parameters: ModelRequestParameters
    policy: RetryPolicy
    max_continuations: int
    client_tools: frozenset[str] = frozenset()
    taken_ids: frozenset[str] = frozenset()
    spent: dict[str, int] = field(default_factory=dict)


@dataclass
class Answer:
    """What the model said in one step. `usage` adds up all continuations of the step.

    `owed` was spent before the first of them, which takes it along.
    """

    message_id: str
    content: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    model_name: str = ""
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        return text_of(self.content)


async def infer(session: Session, request: Request, *, step: int, message_id: str) -> Answer:
    """Streams one step's answer; a stream that breaks is started again while the policy allows.

    Raises `ProviderError` when the model cannot answer, or the session's stop reason.
    """
    restarts = 0
    while True:
        started_at = session.last_seq
        session.emit(StepStarted(step=step, message_id=message_id))
        try:
            return await session.interruptible(_answer(session, request, message_id))
        except ProviderError as error:
            again = error.retryable and error.midway
            if not again or (error.counts and restarts >= request.policy.max_retries):
                raise
            restarts += error.counts
            session.emit(
                StepReset(step=step, message_id=message_id, after_seq=started_at, reason=error.code)
            )


async def _answer(session: Session, request: Request, message_id: str) -> Answer:
    transcript = Transcript(session.emit, message_id, request.client_tools, request.taken_ids)
    answer = Answer(message_id=message_id, owed=request.spent)
    messages = list(request.messages)
    for round_ in range(request.max_continuations + 1):
        response = await _stream(session, request, messages, transcript, answer)
        if answer.finish_reason != "length" or transcript.calls or not response.parts:
            break
        if round_ < request.max_continuations:
            messages += [response, ModelRequest(parts=[UserPromptPart(CONTINUE)])]
    transcript.announce_calls()
    answer.content, answer.calls = transcript.content, transcript.calls
    return answer


async def _stream(
    session: Session,
    request: Request,
    messages: list[ModelMessage],
    transcript: Transcript,
    answer: Answer,
) -> ModelResponse:
    began = time.monotonic()
    async with open_stream(
        request.models, messages, request.settings, request.parameters, policy=request.policy
    ) as stream:
        await _relay(stream, transcript)
        response = stream.get()
    transcript.close()
    usage = _account(answer, response)
    session.emit(
        InferenceCompleted(
            message_id=answer.message_id,
            model=answer.model_name,
            usage=usage,
            duration_ms=round((time.monotonic() - began) * 1000),
            finish_reason=answer.finish_reason,
        )
    )
    return response


async def _relay(stream: StreamedResponse, transcript: Transcript) -> None:
    try:
        async for event in stream:
            if isinstance(event, Aside):
                transcript.aside(event.event)
            else:
                _handle(event, transcript)
    except ProviderError as error:
        error.midway = True
        raise
    except Exception as error:
        raise classify(error) from error


def _handle(event: ModelResponseStreamEvent, transcript: Transcript) -> None:
    """Deltas first: nearly all events are."""
    if isinstance(event, PartDeltaEvent):
        _handle_delta(event, transcript)
        return
    match event:
        case PartStartEvent(index=index, part=TextPart(content=text)):
            transcript.start_text(index, text)
        case PartStartEvent(index=index, part=ThinkingPart() as part):
            transcript.start_reasoning(index, part.content)
        case PartStartEvent(index=index, part=ToolCallPart() as part):
            transcript.start_call(index, part)
        case PartStartEvent(part=FilePart() as part):
            transcript.file(part)
        case PartEndEvent(index=index, part=part):
            transcript.end(index, part)
        case _:
            pass


def _handle_delta(event: PartDeltaEvent, transcript: Transcript) -> None:
    delta = event.delta
    if isinstance(delta, TextPartDelta):
        transcript.text(event.index, delta.content_delta)
    elif isinstance(delta, ThinkingPartDelta):
        transcript.reasoning(event.index, delta.content_delta or "")
    elif isinstance(delta, ToolCallPartDelta):
        transcript.arguments(event.index, delta.args_delta)


def _account(answer: Answer, response: ModelResponse) -> dict[str, int]:
    """Adds a response to its answer; what is to be counted with it."""
    usage, answer.owed = total(usage_of(response), answer.owed), {}
    answer.usage = total(answer.usage, usage)
    answer.model_name = response.model_name or answer.model_name
    answer.finish_reason = response.finish_reason
    return usage
