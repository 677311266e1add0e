"""What went wrong between us and a remote agent, as the engine's one kind of failure."""

from collections.abc import Iterable

import httpx
from a2a.client.errors import A2AClientError, A2AClientTimeoutError
from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidAgentResponseError,
    MethodNotFoundError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from agentserver.core.egress import EgressRefused
from runs.providers.errors import ErrorCode, ProviderError, redact

_BY_STATUS: dict[int, ErrorCode] = {
    401: "auth",
    403: "auth",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
}


class NotOffered(ProviderError):
    """The agent does not have this operation, or not for a task in this state."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="bad_request", retryable=False)


class NoSuchTask(ProviderError):
    def __init__(self, message: str) -> None:
        super().__init__(message, code="model_not_found", retryable=False)


class NotCancelable(ProviderError):
    """The task came to its end before it could be cancelled."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="bad_request", retryable=False)


def translated(error: Exception, *, secrets: Iterable[str] = ()) -> ProviderError:
    """Secrets are cut out; whatever the remote side wrote is shortened to a line."""
    if isinstance(error, ProviderError):
        return error
    cause = error.__cause__
    if isinstance(error, EgressRefused):
        return ProviderError(error.reason, code="bad_request")
    if isinstance(error, (A2AClientTimeoutError, TimeoutError, httpx.TimeoutException)):
        return ProviderError("the remote agent did not answer in time", code="timeout")
    if isinstance(cause, httpx.HTTPStatusError) and isinstance(
        error, (A2AClientError, MethodNotFoundError)
    ):
        return _of_status(cause.response.status_code)
    if isinstance(error, httpx.RequestError) or isinstance(cause, httpx.RequestError):
        return ProviderError("the remote agent cannot be reached", code="connection")
    if isinstance(error, A2AError) and not isinstance(error, A2AClientError):
        return _of_protocol(error, redact(f"the remote agent answered: {error}", secrets))
    return ProviderError("the remote agent's answer cannot be read", code="protocol")


def _of_status(status: int) -> ProviderError:
    reason = f"the remote agent answered with HTTP status {status}"
    if status in {404, 405, 501}:
        return NotOffered(reason)
    code = _BY_STATUS.get(status, "server_error" if status >= 500 else "bad_request")
    return ProviderError(reason, code=code, status=status)


def _of_protocol(error: A2AError, reason: str) -> ProviderError:
    match error:
        case TaskNotFoundError():
            return NoSuchTask(reason)
        case TaskNotCancelableError():
            return NotCancelable(reason)
        case UnsupportedOperationError() | MethodNotFoundError():
            return NotOffered(reason)
        case InternalError() | InvalidAgentResponseError():
            return ProviderError(reason, code="server_error")
        case _:
            return ProviderError(reason, code="bad_request")
