"""What an operation came to, as HTTP answers of the two bindings."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentserver.core.api.answers import encode
from agentserver.core.api.errors import as_api_error
from agentserver.core.api.late import LateJson
from agentserver.core.errors import ApiError
from agentserver.core.sse import EventStreamResponse, frame
from agentserver_a2a.api.negotiation import answer, answer_type, envelope, rpc_answer
from agentserver_a2a.api.operations import Json, Later, Outcome, Stream
from agentserver_a2a.errors import rest_body, rpc_error
from agentserver_a2a.streams import Events

logger = logging.getLogger(__name__)

Frames = AsyncGenerator[bytes | None, None]
# What a stream may still say after its time is over.
_LAST_WORDS_SECONDS = 60


def rest(outcome: Outcome, request: HttpRequest) -> HttpResponseBase:
    """A late answer that fails is an error under the status 200, which is sent already."""
    if isinstance(outcome, Stream):
        return _stream(_rest_frames(outcome.events), request)
    if isinstance(outcome, Later):
        return LateJson(
            partial(_told_late, outcome),
            request=request,
            content_type=answer_type(request),
            max_seconds=_longest_wait(),
        )
    return answer(request, {} if outcome.value is None else outcome.value)


def rpc(outcome: Outcome, request: HttpRequest, request_id: Any) -> HttpResponseBase:
    """JSON-RPC can say that something went wrong at any time."""
    if isinstance(outcome, Stream):
        return _stream(_rpc_frames(outcome.events, request_id), request)
    if isinstance(outcome, Later):
        late = partial(_enveloped, outcome, request_id)
        return LateJson(late, request=request, max_seconds=_longest_wait())
    return rpc_answer({"result": outcome.value}, request_id)


def _stream(frames: Frames, request: HttpRequest) -> EventStreamResponse:
    return EventStreamResponse(
        frames,
        request=request,
        max_seconds=settings.AGENTSERVER_STREAM_SECONDS + _LAST_WORDS_SECONDS,
    )


def _longest_wait() -> float:
    return float(settings.AGENTSERVER_A2A_WAIT_SECONDS + _LAST_WORDS_SECONDS)


async def _told_late(outcome: Later) -> Json:
    try:
        return await outcome.value()
    except Exception as error:
        return rest_body(_told(error))


async def _enveloped(outcome: Later, request_id: Any) -> Json:
    try:
        return envelope({"result": await outcome.value()}, request_id)
    except Exception as error:
        return envelope({"error": rpc_error(_told(error))}, request_id)


async def _rest_frames(events: Events) -> Frames:
    async with aclosing(_frames(events, lambda event: event)) as frames:
        try:
            async for each in frames:
                yield each
        except Exception as error:
            yield frame(encode(rest_body(_told(error))), event="error")


async def _rpc_frames(events: Events, request_id: Any) -> Frames:
    def enveloped(event: Json) -> Json:
        return envelope({"result": event}, request_id)

    async with aclosing(_frames(events, enveloped)) as frames:
        try:
            async for each in frames:
                yield each
        except Exception as error:
            yield frame(encode(envelope({"error": rpc_error(_told(error))}, request_id)))


async def _frames(events: Events, wrapped: Callable[[Json], Json]) -> Frames:
    async with aclosing(events):
        async for batch in events:
            yield None if batch is None else b"".join(frame(encode(wrapped(e))) for e in batch)


def _told(error: Exception) -> ApiError:
    told = as_api_error(error)
    if told.status >= 500:
        logger.error("an A2A answer broke", exc_info=error)
    return told
