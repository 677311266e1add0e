"""``/events/``: django-eventstream's channels, for operators' pages and simple subscribers."""

import re
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from django_eventstream.views import events

from agentserver.core.api.errors import as_api_error, log_unexpected, native_error
from agentserver.core.errors import BadRequest
from agentserver.core.sse import EventStreamResponse
from runs.events.eventstream import requested
from runs.events.feeds import fed

MAX_CHANNELS = 10
# What the library writes as ids: a position per channel, names percent-encoded.
_POSITION = re.compile(r"[^:,]+:\d{1,18}(,[^:,]+:\d{1,18})*", re.ASCII)


@require_safe
def stream(request: HttpRequest, channel: str | None = None) -> HttpResponseBase:
    """``/events/<channel>`` or ``/events/?channel=a&channel=b``; a refusal is JSON, no stream."""
    try:
        return _stream(request, {"channel": channel} if channel else {})
    except Exception as error:
        translated = as_api_error(error)
        log_unexpected(error, translated, request)
        return native_error(translated, request)


def _stream(request: HttpRequest, view_kwargs: dict[str, str]) -> HttpResponseBase:
    channels = requested(request, view_kwargs)
    if not 0 < len(channels) <= MAX_CHANNELS:
        raise BadRequest(f"name 1 to {MAX_CHANNELS} channels")
    if "es-meta" in request.GET:
        # A signed ticket of the library's proxy mode, which would go past the access rule.
        raise BadRequest("es-meta is not supported")
    for position in (request.headers.get("Last-Event-ID"), *request.GET.getlist("lastEventId")):
        if position and not _POSITION.fullmatch(position):
            raise BadRequest("the position in Last-Event-ID or lastEventId cannot be read")
    response = events(request, **view_kwargs)
    if not isinstance(response, StreamingHttpResponse):
        # The library refuses with a stream of one error frame and status 200.
        raise BadRequest("the event stream was refused")
    frames: Any = aiter(response)
    fed_frames = fed(frames, sorted(channels))
    return EventStreamResponse(fed_frames, headers=_cors(response), request=request)


def _cors(response: HttpResponseBase) -> dict[str, str]:
    prefix = "access-control-"
    return {name: value for name, value in response.items() if name.lower().startswith(prefix)}


urlpatterns = [path("", stream, name="events"), path("<str:channel>", stream, name="events-of")]
