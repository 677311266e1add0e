"""Headers of both bindings: versions, media types, and the two ways to say an error."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from agentserver.core.api.answers import JSON, encode
from agentserver.core.api.body import read_json
from agentserver.core.errors import ApiError
from agentserver.core.exact_json import loads
from agentserver_a2a.errors import InvalidParams, Violation, as_a2a, invalid, rest_body, rpc_error
from agentserver_a2a.versions import require_supported

A2A_JSON: Final = "application/a2a+json"
# Refused by the server rather than by an operation: over JSON-RPC, too, the HTTP status says so.
_TRANSPORT_STATUSES: Final = frozenset({401, 403, 405, 413, 429, 503})
_LONG_NUMBER = re.compile(rb"\d{19}")


def require_version(request: HttpRequest) -> None:
    """The header counts before the query. Raises `VersionNotSupported`."""
    asked = request.headers.get("A2A-Version") or request.GET.get("A2A-Version") or ""
    require_supported(asked)


def answer_type(request: HttpRequest) -> str:
    """The protocol's own media type for who names it, else plain JSON, which everybody reads."""
    accepted = request.headers.get("Accept", "").lower()
    named = A2A_JSON in accepted or (request.content_type or "").lower() == A2A_JSON
    return A2A_JSON if named else JSON


def answer(
    request: HttpRequest,
    data: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    return HttpResponse(
        encode(data), status=status, content_type=answer_type(request), headers=dict(headers or {})
    )


# Files travel inside messages, a third longer than they are.
MAX_BODY_BYTES = 32 * 1024 * 1024


def read_exactly(request: HttpRequest, *, empty: bool = False) -> Any:
    """The JSON body with its numbers as they were sent. Raises what `read_json` raises."""
    data = read_json(request, limit=MAX_BODY_BYTES, empty=empty)
    return loads(request.body) if _LONG_NUMBER.search(request.body) else data


def read_object(request: HttpRequest, *, empty: bool = False) -> dict[str, Any]:
    """As `read_exactly`; `InvalidParams` when it is no object."""
    data = read_exactly(request, empty=empty)
    if not isinstance(data, dict):
        raise invalid([Violation("", "must be an object")])
    return data


def one_tenant(*named: object) -> str | None:
    """The tenant that path and body agree on, None where neither names one."""
    given = [each for each in named if each not in (None, "")]
    if any(not isinstance(each, str) for each in given):
        raise invalid([Violation("tenant", "must be a string")])
    if len(set(given)) > 1:
        raise InvalidParams(
            "the tenants of path and body differ",
            violations=[Violation("tenant", "must be the tenant of the path")],
        )
    return str(given[0]) if given else None


def rest_dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
    known = as_a2a(error)
    return answer(request, rest_body(known), status=known.status, headers=error.headers)


def rpc_dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
    """An error of a request whose id is not known."""
    return rpc_failure(error, None)


def rpc_failure(error: ApiError, request_id: Any) -> HttpResponse:
    known = as_a2a(error)
    status = known.status if known.status in _TRANSPORT_STATUSES else 200
    return rpc_answer({"error": rpc_error(known)}, request_id, status=status, headers=error.headers)


def rpc_answer(
    outcome: Mapping[str, Any],
    request_id: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """`outcome` is ``{"result": ...}`` or ``{"error": ...}``."""
    return HttpResponse(
        encode(envelope(outcome, request_id)),
        status=status,
        content_type=JSON,
        headers=dict(headers or {}),
    )


def envelope(outcome: Mapping[str, Any], request_id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, **outcome}
