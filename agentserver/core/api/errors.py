"""One way from any exception to an `ApiError`, and from there to the native JSON answer.

Native dialect: ``{"error": <text>, "code": <word>, ...}`` with the members of
`ApiError.details` beside them. Other faces set ``error_dialect`` on their views.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core import exceptions as django_errors
from django.db import DataError, IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rest_framework.exceptions import APIException

from agentserver.core.api.answers import json_answer
from agentserver.core.api.dialects import tell
from agentserver.core.database import DATABASE_DOWN
from agentserver.core.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    Unavailable,
)

logger = logging.getLogger("agentserver.http")


class MethodNotAllowed(ApiError):
    status = 405
    code = "method_not_allowed"


class ErrorBody(BaseModel):
    """Every error of the native API. Some add members of their own, such as ``used_by``."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="What went wrong, for people")
    code: str | None = Field(default=None, description="A stable word for programs")


def native_error(error: ApiError, request: HttpRequest) -> HttpResponse:
    body = {"error": error.message, "code": error.code, **error.details}
    return json_answer(body, status=error.status, headers=error.headers)


def as_api_error(error: Exception) -> ApiError:
    """What a caller may know about ``error``. Texts of the database and of bugs stay inside."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, APIException):
        return _of_framework(error)
    for kinds, translate in _TRANSLATIONS:
        if isinstance(error, kinds):
            return translate(error)
    return ApiError("internal server error")


def _of_framework(error: APIException) -> ApiError:
    translated = ApiError(str(error.detail), code=str(error.default_code))
    translated.status = error.status_code
    return translated


_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], Callable[[Exception], ApiError]], ...] = (
    ((Http404, django_errors.ObjectDoesNotExist), lambda _: NotFound("not found")),
    ((django_errors.PermissionDenied,), lambda _: Forbidden("not allowed")),
    ((django_errors.RequestDataTooBig,), lambda _: PayloadTooLarge("request body is too large")),
    ((django_errors.SuspiciousOperation,), lambda _: BadRequest("bad request")),
    ((UnreadablePostError,), lambda _: BadRequest("the request body ended early")),
    (
        DATABASE_DOWN,
        lambda _: Unavailable("the database is unavailable", headers={"Retry-After": "1"}),
    ),
    ((IntegrityError,), lambda _: Conflict("the change conflicts with another one")),
    ((DataError,), lambda _: BadRequest("a value cannot be stored")),
)
# Each of these may also be a bug of ours, so the log gets the traceback that the caller does not.
_NOTEWORTHY = (IntegrityError, DataError)


def log_unexpected(error: Exception, translated: ApiError, request: HttpRequest) -> None:
    # 501 is said on purpose: something is not offered here.
    unexpected = translated.status >= 500 and translated.status != HTTPStatus.NOT_IMPLEMENTED
    if unexpected or isinstance(error, _NOTEWORTHY):
        logger.error("%s %s: %r", request.method, request.path, type(error), exc_info=error)


def invalid(error: ValidationError, *, what: str, as_: type[ApiError]) -> ApiError:
    """``invalid <what>: <field>: <message>; ...`` with ``details`` [{field, message}]."""
    issues = [
        {"field": ".".join(str(part) for part in issue["loc"]), "message": _message(issue)}
        for issue in error.errors(include_url=False, include_input=False, include_context=False)[
            :20
        ]
    ]
    text = "; ".join(f"{issue['field'] or what}: {issue['message']}" for issue in issues[:3])
    return as_(f"invalid {what}: {text}", details={"details": issues})


def _message(issue: Mapping[str, Any]) -> str:
    if issue["type"] in {"model_type", "dict_type"}:
        return "Input should be an object"
    return str(issue["msg"]).removeprefix("Value error, ")


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's ``EXCEPTION_HANDLER`` for views that are not an `ApiView`."""
    request = context["request"]
    translated = as_api_error(error)
    log_unexpected(error, translated, request)
    return native_error(translated, request)


# --- what Django calls when no view answered (handler400, handler403, handler404, handler500) ----
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return tell(BadRequest("bad request"), request, otherwise=native_error)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return tell(Forbidden("not allowed"), request, otherwise=native_error)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return tell(unknown_path(request), request, otherwise=native_error)


def server_error(request: HttpRequest) -> HttpResponse:
    return tell(ApiError("internal server error"), request, otherwise=native_error)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's ``CSRF_FAILURE_VIEW``."""
    return native_error(Forbidden("CSRF check failed", code="csrf_failed"), request)


def unknown_path(request: HttpRequest) -> ApiError:
    """404, or 400 where the path does not match because an id in it holds an encoded slash."""
    if has_encoded_slash(request):
        return BadRequest("invalid id: '/' is not allowed in an id")
    return NotFound("no such path")


def has_encoded_slash(request: HttpRequest) -> bool:
    """Whether the path as sent holds ``%2F``. Servers decode it before routes are matched."""
    raw: bytes = getattr(request, "scope", {}).get("raw_path") or b""
    return b"%2f" in raw.lower()
