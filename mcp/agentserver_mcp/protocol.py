"""JSON-RPC and the HTTP rules of MCP, in both eras: pure functions over bodies and headers.

The handshake era ("2025": revisions up to 2025-11-25) opens with ``initialize``; since 2026-07-28
every request stands alone and repeats in its headers what its body says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    InboundLadderRejection,
    InboundModernRoute,
    classify_inbound_request,
    unsupported_protocol_version_rejection,
    validate_mcp_param_headers,
)
from mcp_types import INVALID_REQUEST, PARSE_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from agentserver.core.api.answers import encode
from agentserver.core.ids import MAX_LENGTH

Kind = Literal["request", "notification", "response"]
RequestId = str | int
Json = dict[str, Any]

VERSION_HEADER = "mcp-protocol-version"
SESSION_HEADER = "mcp-session-id"
ASSUMED_VERSION = "2025-03-26"
"""What a client of the handshake era speaks that names no version."""
REQUEST_CANCELLED = -32800
MAX_ID_CHARACTERS = 200


class Refusal(Exception):
    """A message that is answered with a JSON-RPC error before any handler sees it."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int | None = None,
        data: Any = None,
        request_id: RequestId | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or ERROR_CODE_HTTP_STATUS.get(code, 400)
        self.data = data
        self.request_id = request_id

    def body(self) -> Json:
        return failure(self.request_id, self.code, self.message, self.data)


@dataclass(frozen=True)
class Message:
    """One JSON-RPC message; `body` is the whole of it. A notification has no id."""

    kind: Kind
    body: Json
    id: RequestId | None = None

    @property
    def method(self) -> str:
        return str(self.body.get("method", ""))

    @property
    def params(self) -> Json:
        return self.body.get("params") or {}


def parse(raw: bytes) -> Message:
    """Exactly one message; `Refusal` -32700 for what is not JSON, -32600 for all else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(PARSE_ERROR, "Parse error") from None
    if isinstance(body, list):
        raise Refusal(INVALID_REQUEST, "Batches are not supported: send one message per request")
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
        raise Refusal(INVALID_REQUEST, 'The body must be one object with "jsonrpc": "2.0"')
    return _message(body)


def _message(body: Json) -> Message:
    if "id" in body and not _is_id(body["id"]):
        text = f"The id must be an integer or a string of at most {MAX_ID_CHARACTERS} characters"
        raise Refusal(INVALID_REQUEST, text)
    if not isinstance(body.get("params", {}), dict):
        raise Refusal(INVALID_REQUEST, "params must be an object", request_id=body.get("id"))
    if isinstance(body.get("method"), str):
        kind: Kind = "request" if "id" in body else "notification"
        if body["method"] == "initialize":
            _check_storable(body)
        return Message(kind, body, body.get("id"))
    if "method" not in body and "id" in body and ("result" in body) != ("error" in body):
        _check_storable(body)
        return Message("response", body, body["id"])
    raise Refusal(
        INVALID_REQUEST,
        "The message is no request, notification or response",
        request_id=body.get("id"),
    )


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        # Quotes and control characters take several characters where the id is stored.
        return len(value) <= MAX_ID_CHARACTERS and len(id_text(value)) <= MAX_LENGTH
    return isinstance(value, int) and not isinstance(value, bool)


def _check_storable(body: Json) -> None:
    """What is kept of a client must not hold NUL, which PostgreSQL does not store."""
    waiting: list[Any] = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and "\0" in value:
            raise Refusal(INVALID_REQUEST, "The message must not contain the character U+0000")


def id_text(request_id: RequestId) -> str:
    """The id as text that keeps 1 and "1" apart."""
    return encode(request_id).decode()


# --- eras -----------------------------------------------------------------------------------------
def is_modern(version: str | None) -> bool:
    """Whether a request with this ``MCP-Protocol-Version`` is judged by the rules of 2026."""
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS


def classify(message: Message, headers: Mapping[str, str]) -> InboundModernRoute:
    """The envelope of a 2026 request whose headers agree with it; header names in lower case."""
    verdict = classify_inbound_request(message.body, headers=headers)
    if isinstance(verdict, InboundLadderRejection):
        raise _refused(verdict, message.id)
    return verdict


def check_version(version: str) -> None:
    """A 2026 notification is taken in a version that is served only."""
    rejection = unsupported_protocol_version_rejection(version)
    if rejection is not None:
        raise _refused(rejection, None)


def check_mirrored_arguments(
    message: Message, schema: Mapping[str, Any], headers: Mapping[str, str]
) -> None:
    """``Mcp-Param-*`` headers that the tool's schema asks for agree with the arguments."""
    arguments = message.params.get("arguments")
    given = arguments if isinstance(arguments, dict) else {}
    rejection = validate_mcp_param_headers(schema, given, headers)
    if rejection is not None:
        raise _refused(rejection, message.id)


def _refused(rejection: InboundLadderRejection, request_id: RequestId | None) -> Refusal:
    return Refusal(rejection.code, rejection.message, data=rejection.data, request_id=request_id)


# --- answers --------------------------------------------------------------------------------------
def success(request_id: RequestId, result: Json) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def failure(request_id: RequestId | None, code: int, message: str, data: Any = None) -> Json:
    error: Json = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def http_status(reply: Json, *, modern: bool) -> int:
    """2026 tells some errors by the HTTP status as well; before, a handler's error is a 200."""
    code = reply.get("error", {}).get("code")
    return ERROR_CODE_HTTP_STATUS.get(code, 200) if modern and code is not None else 200


def accepts(accept: str) -> tuple[bool, bool]:
    """Whether JSON and whether an event stream may be answered; no header accepts both."""
    kinds = {part.split(";")[0].strip().lower() for part in accept.split(",")} - {""}
    anything = not kinds or "*/*" in kinds
    json = anything or bool(kinds & {"application/json", "application/*"})
    return json, anything or bool(kinds & {"text/event-stream", "text/*"})
