"""Error answers of providers: HTTP statuses, JSON bodies, and error objects inside a stream."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from runs.providers.errors import ErrorCode, ProviderError, redact, retry_after_seconds

_STATUS_CODES: Final[dict[int, ErrorCode]] = {
    401: "auth",
    402: "rate_limit",
    403: "auth",
    404: "model_not_found",
    408: "timeout",
    409: "server_error",
    425: "server_error",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_WORD_STATUSES: Final[dict[str, int]] = {
    "api_error": 500,
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "internal_error": 500,
    "internal_server_error": 500,
    "model_not_found": 404,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "server_error": 500,
    "timeout_error": 504,
    "tokens": 429,
}

_QUOTA: Final = re.compile(
    r"insufficient_quota|billing|credit balance|exceeded your current quota|spend.?limit", re.I
)
_OVERFLOW: Final = re.compile(
    r"context_length_exceeded|context length|context window|maximum context"
    r"|prompt is too long|input is too long|too many (?:input )?tokens|request_too_large"
    r"|input token count.*exceeds|reduce the length of the (?:messages|prompt)",
    re.I,
)
_FILTER: Final = re.compile(
    r"content_filter|content[ _]policy|content management policy|moderation_blocked"
    r"|safety (?:system|settings|filter)|data_inspection_failed",
    re.I,
)
_BAD_KEY: Final = re.compile(r"invalid_api_key|api key not valid|API_KEY_INVALID", re.I)
_NO_MODEL: Final = re.compile(r"model_not_found|model .{0,80}(?:does not exist|not found)", re.I)


@dataclass(frozen=True)
class _Reported:
    """What an error object says: a text for people and the words machines go by."""

    message: str
    words: tuple[str, ...]

    @property
    def haystack(self) -> str:
        return " ".join((*self.words, self.message))


def error_from_response(
    *, status: int, body: bytes, headers: Mapping[str, str], secrets: Iterable[str] = ()
) -> ProviderError:
    """The error a non-200 answer amounts to; the body may be JSON of a known shape, or not."""
    return error_from_object(
        status=status,
        payload=_decoded(body),
        retry_after=retry_after_seconds(headers),
        secrets=secrets,
    )


def error_from_object(
    *, status: int, payload: object, retry_after: float | None, secrets: Iterable[str] = ()
) -> ProviderError:
    """The error of a status and an already decoded body (None when there is no body)."""
    reported = _reported(payload)
    code, retryable = _code(status, reported.haystack)
    text = f"upstream answered {status}"
    if reported.message:
        text = f"{text}: {reported.message}"
    return ProviderError(
        redact(text, secrets),
        code=code,
        status=status,
        retryable=retryable,
        retry_after=retry_after,
    )


def error_from_stream(payload: object, *, secrets: Iterable[str] = ()) -> ProviderError:
    """The error of an error object inside a stream that had begun with status 200.

    An object that names a known kind of failure is treated as that failure before the stream would
    have been; anything else is a retryable ``protocol`` error.
    """
    reported = _reported(payload)
    status = next(filter(None, map(_status_of_word, reported.words)), None)
    message = redact(f"upstream failed in mid-stream: {reported.message or 'no detail'}", secrets)
    code, retryable = _code(status or 0, reported.haystack)
    if status is None and code == "bad_request":
        return ProviderError(message, code="protocol")
    return ProviderError(message, code=code, status=status, retryable=retryable)


def _code(status: int, haystack: str) -> tuple[ErrorCode, bool | None]:
    if status in (402, 429):
        # A used-up budget does not come back by waiting a few seconds.
        return "rate_limit", False if status == 402 or _QUOTA.search(haystack) else None
    if status >= 500 or status in (401, 403, 408, 409, 425):
        return _STATUS_CODES.get(status, "server_error"), None
    for pattern, code in _BY_TEXT:
        if pattern.search(haystack):
            return code, None
    if 300 <= status < 400:
        return "protocol", False
    return _STATUS_CODES.get(status, "context_overflow" if status == 413 else "bad_request"), None


_BY_TEXT: Final[tuple[tuple[re.Pattern[str], ErrorCode], ...]] = (
    (_OVERFLOW, "context_overflow"),
    (_FILTER, "content_filter"),
    (_BAD_KEY, "auth"),
    (_NO_MODEL, "model_not_found"),
)


def _status_of_word(word: str) -> int | None:
    if word.isdigit() and 400 <= int(word) < 600:
        return int(word)
    return _WORD_STATUSES.get(word.lower())


def _decoded(body: bytes) -> object:
    try:
        decoded: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").strip()
        # Proxies answer with pages; a page says nothing in an error line.
        return None if text.startswith("<") else text
    return decoded


def _reported(payload: object) -> _Reported:
    if isinstance(payload, list) and payload:
        return _reported(payload[0])
    if isinstance(payload, str):
        return _Reported(payload, ())
    if not isinstance(payload, dict):
        return _Reported("", ())
    inner = payload.get("error")
    if isinstance(inner, dict):
        return _described(inner)
    described = _described(payload)
    return _Reported(inner, described.words) if isinstance(inner, str) else described


def _described(error: dict[str, Any]) -> _Reported:
    words = tuple(
        str(error[name])
        for name in ("code", "type", "status")
        if isinstance(error.get(name), str | int)
    )
    message = error.get("message") or error.get("detail") or ""
    return _Reported(message if isinstance(message, str) else "", words)
