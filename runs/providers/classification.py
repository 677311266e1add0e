"""Sorting of exceptions that are not ours: pydantic-ai, httpx, asyncio, JSON."""

import httpx
import orjson
from pydantic import ValidationError
from pydantic_ai import exceptions

from runs.providers.error_bodies import error_from_object
from runs.providers.errors import ErrorCode, ProviderError, redact

_CODES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ErrorCode], ...] = (
    (exceptions.ContentFilterError, "content_filter"),
    (exceptions.ModelContextWindowExceededError, "context_overflow"),
    (exceptions.ModelAuthenticationError, "auth"),
    (exceptions.ModelNotFoundError, "model_not_found"),
    (exceptions.ModelRequestRejectedError, "bad_request"),
    ((exceptions.ModelRateLimitError, exceptions.ModelQuotaExceededError), "rate_limit"),
    (exceptions.ModelUnavailableError, "overloaded"),
    (exceptions.ModelServerError, "server_error"),
    ((exceptions.ModelTimeoutError, exceptions.ModelRequestTimeout), "timeout"),
    (exceptions.ModelConnectionError, "connection"),
    (exceptions.UserError, "bad_request"),
    ((exceptions.ModelAPIError, exceptions.UnexpectedModelBehavior), "protocol"),
    ((httpx.TimeoutException, TimeoutError), "timeout"),
    ((httpx.RemoteProtocolError, httpx.DecodingError), "protocol"),
    ((httpx.TransportError, httpx.StreamError, OSError), "connection"),
    ((orjson.JSONDecodeError, ValidationError), "protocol"),
)


def classify_foreign(error: BaseException, *, secrets: tuple[str, ...]) -> ProviderError:
    """The ProviderError for an exception that is not one yet; see ``errors.classify``."""
    if isinstance(error, exceptions.ModelHTTPError):
        return error_from_object(
            status=error.status_code,
            payload=error.body,
            retry_after=error.retry_after,
            secrets=secrets,
        )
    for kinds, code in _CODES:
        if isinstance(error, kinds):
            return ProviderError(
                redact(_text(error), secrets),
                code=code,
                retryable=_retryable(error),
                retry_after=getattr(error, "retry_after", None),
            )
    return ProviderError(
        f"the model failed with {type(error).__name__}", code="protocol", retryable=False
    )


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _retryable(error: BaseException) -> bool | None:
    return False if isinstance(error, exceptions.ModelQuotaExceededError) else None
