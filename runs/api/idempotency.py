"""The ``Idempotency-Key`` header: equal requests with an equal key have one effect."""

from rest_framework.request import Request

from agentserver.core.errors import BadRequest
from agentserver.core.ids import MAX_LENGTH

HEADER = "Idempotency-Key"


def idempotency_key(request: Request) -> str | None:
    """The trimmed key, None without one; `BadRequest` when it cannot be kept."""
    key = str(request.headers.get(HEADER, "")).strip()
    if len(key) > MAX_LENGTH or not key.isprintable():
        raise BadRequest(f"invalid {HEADER}: 1 to {MAX_LENGTH} printable characters")
    return key or None
