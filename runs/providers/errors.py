"""One error for every way a provider can fail, and the rules that sort failures into it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ErrorCode = Literal[
    "auth",
    "bad_request",
    "model_not_found",
    "context_overflow",
    "content_filter",
    "rate_limit",
    "overloaded",
    "server_error",
    "timeout",
    "connection",
    "protocol",
]

_TRANSIENT: Final[frozenset[ErrorCode]] = frozenset(
    {"rate_limit", "overloaded", "server_error", "timeout", "connection", "protocol"}
)
_MESSAGE_LIMIT: Final = 500
_SECRET: Final = re.compile(
    r"(?:(?<=bearer )\S+|\b(?:sk|rk|pk|gsk|xai|nvapi|fw|tgp|csk|AIza)[-_A-Za-z0-9*.]{6,})",
    re.IGNORECASE,
)


class ProviderError(Exception):
    """A failed inference.

    ``status`` is the HTTP status if there was one; ``retry_after`` is in seconds; ``retryable``
    says whether the same request may succeed later. The text is safe to show: keys are cut out.
    ``midway`` is set once an answer had begun: what fails before that has been retried already.
    ``counts`` says whether starting the step again uses up a retry, ``ends_as`` how the run ends.
    """

    midway = False
    counts = True
    ends_as: Literal["error", "blocked"] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode,
        status: int | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.status = status
        self.retryable = code in _TRANSIENT if retryable is None else retryable
        self.retry_after = retry_after
        super().__init__(message)


def no_api_key(provider_id: str, variables: Iterable[str]) -> ProviderError:
    """``variables`` are those of the environment where the key could be."""
    names = " or ".join(variables)
    return ProviderError(
        f"provider {provider_id} has no api_key, and {names} is not set", code="auth"
    )


def classify(error: BaseException, *, secrets: Iterable[str] = ()) -> ProviderError:
    """The ProviderError an exception of a model, an SDK or the transport amounts to.

    An exception nobody foresaw becomes a permanent ``protocol`` error that names only its type;
    raise the result ``from`` the original to keep the cause. ``secrets`` are cut out of the text.
    """
    if isinstance(error, ProviderError):
        return error
    # Deferred: sorting these needs pydantic-ai, which whoever only catches must not have to load.
    from runs.providers.classification import classify_foreign

    return classify_foreign(error, secrets=tuple(secrets))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 500 characters without the given secrets and without key-like words."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    text = _SECRET.sub("[redacted]", " ".join(text.split()))
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 1] + "…"


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds a response asks to wait: ``retry-after-ms``, or ``retry-after`` (number or date)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    raw = headers.get("retry-after")
    seconds = _number(raw)
    if seconds is not None or raw is None:
        return seconds
    return _seconds_until(raw)


def _number(raw: str | None) -> float | None:
    try:
        value = float(raw) if raw is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _seconds_until(raw: str) -> float | None:
    try:
        moment = parsedate_to_datetime(raw)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
