"""Errors that no view rendered leave as JSON too, with DEBUG on or off.

Django answers an unknown path, a bad host or a crash outside a view with HTML, in DEBUG with a page
full of internals. Pages for people keep their own (`HTML_PATHS`).
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentserver.core.api.dialects import tell
from agentserver.core.api.errors import native_error, unknown_path
from agentserver.core.errors import ApiError

HTML_PATHS = ("/admin/",)


class JsonErrors:
    """Goes first in ``MIDDLEWARE``."""

    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code >= 400 and _is_page(response) and not _wants_pages(request):
            error = _error(request, response.status_code)
            return tell(error, request, otherwise=native_error)
        return response


def _is_page(response: HttpResponseBase) -> bool:
    kind = response.headers.get("Content-Type", "")
    return kind.startswith(("text/html", "text/plain"))


def _wants_pages(request: HttpRequest) -> bool:
    return request.path_info.startswith(HTML_PATHS)


def _error(request: HttpRequest, status: int) -> ApiError:
    if status == HTTPStatus.NOT_FOUND:
        return unknown_path(request)
    error = ApiError(HTTPStatus(status).phrase.lower())
    error.status = status
    error.code = error.message.replace(" ", "_")
    return error
