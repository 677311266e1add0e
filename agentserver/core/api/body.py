"""Reading a JSON body: 413 too large, 415 not JSON, 400 malformed. Its shape is not judged here."""

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest

from agentserver.core.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType

# What orjson can write back (254 levels) with room for the answer around it.
MAX_DEPTH = 200


def read_json(request: HttpRequest, *, limit: int | None = None, empty: bool = False) -> Any:
    """The parsed body of at most ``limit`` bytes (default: AGENTSERVER_MAX_BODY_BYTES).

    NaN, infinities, invalid UTF-8 and lone surrogates are malformed; of equal keys the last wins.
    ``empty``: a body of no bytes is ``{}`` whatever its content type says.
    """
    most = settings.AGENTSERVER_MAX_BODY_BYTES if limit is None else limit
    if content_length(request) > most:
        raise too_large(most)
    if not empty:
        _require_json(request)
    raw = request.body
    if len(raw) > most:
        raise too_large(most)
    if empty and not raw:
        return {}
    _require_json(request)
    return _parse(raw)


def too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"request body is too large: at most {limit} bytes are accepted")


def content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _require_json(request: HttpRequest) -> None:
    kind = (request.content_type or "").lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise UnsupportedMediaType("Content-Type must be application/json")


def _parse(raw: bytes) -> Any:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"malformed JSON: {error}") from None
    # The count is an upper bound of the depth and far cheaper than a walk through the value.
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadRequest(f"malformed JSON: nested more than {MAX_DEPTH} levels deep")
    return value


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
