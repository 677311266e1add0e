"""JSON answers as plain ``HttpResponse``: a DRF ``Response`` costs a thread hop more under ASGI."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from pydantic import BaseModel
from rest_framework.renderers import BaseRenderer

JSON = "application/json"


def encode(data: Any) -> bytes:
    """Compact JSON; pydantic models by alias. NaN and infinities become null."""
    try:
        return orjson.dumps(data, default=_plain)
    except TypeError:
        # Integers beyond 64 bits, lone surrogates, more than 254 levels: rare, so slowly but right.
        return json.dumps(data, default=_plain, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def json_answer(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(encode(data), status=status, content_type=JSON, headers=dict(headers or {}))


def empty_answer(status: int = 204) -> HttpResponse:
    """No body and no content type."""
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response


class OrjsonRenderer(BaseRenderer):
    """For the rare view that returns a DRF ``Response``."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else encode(data)
