"""Every error of the A2A face, once for both bindings (A2A 1.0.1, sections 3.3.2, 5.4, 9.5, 11.6).

A class says its reason, its HTTP status with the name google.rpc has for it, and its JSON-RPC code.
REST answers ``{"error": {"code", "status", "message", "details"}}``; JSON-RPC puts the same
``details`` into ``data``. Clients go by the reason in the details, not by the status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from agentserver.core.errors import ApiError

DOMAIN: Final = "a2a-protocol.org"
# What goes wrong around the protocol (keys, limits, the database) is not the protocol's own.
SERVER_DOMAIN: Final = "agentserver"
ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"

Detail = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """A member of the request that is wrong: its path (``message.parts[0].text``), and why."""

    field: str
    description: str


class A2AError(ApiError):
    """An error with a reason of the protocol. `metadata` tells programs more, in plain texts."""

    reason: ClassVar[str]
    status_name: ClassVar[str]
    rpc_code: ClassVar[int]

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=self.reason.lower(), headers=headers)
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)


class TaskNotFound(A2AError):
    """Also for a task that exists, but not for this caller or not for this tenant."""

    reason, rpc_code = "TASK_NOT_FOUND", -32001
    status, status_name = 404, "NOT_FOUND"


class TaskNotCancelable(A2AError):
    reason, rpc_code = "TASK_NOT_CANCELABLE", -32002
    status, status_name = 400, "FAILED_PRECONDITION"


class PushNotificationNotSupported(A2AError):
    reason, rpc_code = "PUSH_NOTIFICATION_NOT_SUPPORTED", -32003
    status, status_name = 400, "FAILED_PRECONDITION"


class UnsupportedOperation(A2AError):
    reason, rpc_code = "UNSUPPORTED_OPERATION", -32004
    status, status_name = 400, "FAILED_PRECONDITION"


class ExtendedCardDisabled(UnsupportedOperation):
    """No extended card is offered: what the server does not do at all is 501."""

    status, status_name = 501, "UNIMPLEMENTED"


class ContentTypeNotSupported(A2AError):
    """A media type of a part, or of the answer, that the agent does not take or make."""

    reason, rpc_code = "CONTENT_TYPE_NOT_SUPPORTED", -32005
    status, status_name = 400, "INVALID_ARGUMENT"


class RequestTypeNotSupported(ContentTypeNotSupported):
    """The request itself is no JSON, going by its Content-Type."""

    status = 415


class InvalidAgentResponse(A2AError):
    reason, rpc_code = "INVALID_AGENT_RESPONSE", -32006
    status, status_name = 500, "INTERNAL"


class ExtendedCardNotConfigured(A2AError):
    reason, rpc_code = "EXTENDED_AGENT_CARD_NOT_CONFIGURED", -32007
    status, status_name = 400, "FAILED_PRECONDITION"


class ExtensionSupportRequired(A2AError):
    reason, rpc_code = "EXTENSION_SUPPORT_REQUIRED", -32008
    status, status_name = 400, "FAILED_PRECONDITION"


class VersionNotSupported(A2AError):
    reason, rpc_code = "VERSION_NOT_SUPPORTED", -32009
    status, status_name = 400, "FAILED_PRECONDITION"


class InvalidParams(A2AError):
    """The request can be read, but members of it are wrong; `violations` names each of them."""

    reason, rpc_code = "INVALID_PARAMS", -32602
    status, status_name = 400, "INVALID_ARGUMENT"


class InvalidRequest(A2AError):
    """No valid request of the binding, such as a JSON-RPC envelope of another form."""

    reason, rpc_code = "INVALID_REQUEST", -32600
    status, status_name = 400, "INVALID_ARGUMENT"


class MalformedJson(InvalidRequest):
    reason, rpc_code = "JSON_PARSE_ERROR", -32700


class MethodNotFound(A2AError):
    """Of JSON-RPC; a path that leads nowhere is a plain 404."""

    reason, rpc_code = "METHOD_NOT_FOUND", -32601
    status, status_name = 404, "NOT_FOUND"


def invalid(violations: Sequence[Violation]) -> InvalidParams:
    """One error for all that is wrong with a request; its message names the first three."""
    first = "; ".join(
        ": ".join(word for word in (each.field, each.description) if word)
        for each in violations[:3]
    )
    return InvalidParams(f"invalid request: {first}", violations=violations)


# HTTP status -> (name of google.rpc.Code, JSON-RPC code), for errors from below the protocol.
_STATUSES: Final[Mapping[int, tuple[str, int]]] = {
    401: ("UNAUTHENTICATED", -32600),
    403: ("PERMISSION_DENIED", -32600),
    404: ("NOT_FOUND", -32602),
    405: ("UNIMPLEMENTED", -32600),
    409: ("ABORTED", -32602),
    410: ("NOT_FOUND", -32602),
    413: ("INVALID_ARGUMENT", -32600),
    429: ("RESOURCE_EXHAUSTED", -32600),
    501: ("UNIMPLEMENTED", -32601),
    503: ("UNAVAILABLE", -32603),
}
_INTERNAL: Final = ("INTERNAL", -32603)


def as_a2a(error: ApiError) -> ApiError:
    """The protocol's own form of an error of the layers below, where it has one."""
    if isinstance(error, A2AError):
        return error
    if error.status == RequestTypeNotSupported.status:
        return RequestTypeNotSupported(error.message, headers=error.headers)
    if error.status == 400 and error.message.startswith("malformed JSON"):
        return MalformedJson(error.message, headers=error.headers)
    if error.status in (400, 422):
        return InvalidParams(error.message, metadata={"code": error.code}, headers=error.headers)
    return error


def details_of(error: ApiError) -> list[Detail]:
    """The google.rpc details: why it went wrong, then every broken member of the request."""
    if not isinstance(error, A2AError):
        reason = "INTERNAL_ERROR" if error.status == 500 else error.code.upper()
        return [_info(reason, SERVER_DOMAIN, {})]
    details = [_info(error.reason, DOMAIN, error.metadata)]
    if error.violations:
        broken = [
            {"field": each.field, "description": each.description} for each in error.violations
        ]
        details.append({"@type": BAD_REQUEST, "fieldViolations": broken})
    return details


def rest_body(error: ApiError) -> dict[str, Any]:
    """``{"error": ...}`` as google.rpc.Status is written in JSON over HTTP."""
    error = as_a2a(error)
    body = {
        "code": error.status,
        "status": _names(error)[0],
        "message": error.message,
        "details": details_of(error),
    }
    return {"error": body}


def rpc_error(error: ApiError) -> dict[str, Any]:
    """The member ``error`` of a JSON-RPC answer."""
    error = as_a2a(error)
    return {"code": _names(error)[1], "message": error.message, "data": details_of(error)}


def _names(error: ApiError) -> tuple[str, int]:
    if isinstance(error, A2AError):
        return error.status_name, error.rpc_code
    return _STATUSES.get(error.status, _INTERNAL)


def _info(reason: str, domain: str, metadata: Mapping[str, str]) -> Detail:
    info: Detail = {"@type": ERROR_INFO, "reason": reason, "domain": domain}
    return {**info, "metadata": dict(metadata)} if metadata else info
