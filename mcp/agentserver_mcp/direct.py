"""One request to a server of ours without any transport: for routes that answer plain JSON."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from mcp.server.connection import Connection
from mcp_types import INVALID_PARAMS
from mcp_types.version import LATEST_HANDSHAKE_VERSION

from agentserver.access.principal import Principal
from agentserver.core.database import release_database
from agentserver.core.errors import ApiError, Forbidden, Unavailable
from agentserver.core.loops import submit
from agentserver_mcp.catalogue import FORBIDDEN, Catalogue
from agentserver_mcp.endpoint import SILENCE_SECONDS, work
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.protocol import Message
from agentserver_mcp.server import kernel_of

SECONDS = 300.0
"""How long a call may take in all."""
MOST_WAITING = 32
"""Calls that hold a thread of the views at a time; other requests need some too."""
_places = BoundedSemaphore(MOST_WAITING)
# Before 2026 a missing resource had a code of its own.
MISSING = (INVALID_PARAMS, -32002)
Json = dict[str, Any]


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Unavailable("too many calls are waiting for their answers; try again later")
    try:
        release_database()
        yield
    finally:
        _places.release()


def ask(
    catalogue: Catalogue,
    principal: Principal,
    method: str,
    params: Json,
    *,
    missing: ApiError | None = None,
) -> Json:
    """The result. Raises ``missing`` when there is no such thing, `Forbidden`, `ApiError` for other
    errors, `Unavailable` after five minutes or where too many wait already."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    exchange = Exchange(Message("request", body, 1), principal=principal, headers={})
    connection = Connection.from_envelope(LATEST_HANDSHAKE_VERSION, None, None)
    exchange.reading()
    with _place():
        ends_at = time.monotonic() + SECONDS
        done = submit(work(exchange, kernel_of(catalogue), connection))
        exchange.desk.attend(SILENCE_SECONDS)
        # What was done at the desk has taken a connection again.
        release_database()
        try:
            done.result(max(0.0, ends_at - time.monotonic()))
        except TimeoutError:
            done.cancel()
            raise Unavailable("no answer in time; a run that was started goes on") from None
    reply = exchange.reply or {}
    if "error" in reply:
        raise _raised(reply["error"], missing)
    found: Json = reply["result"]
    return found


def _raised(error: Json, missing: ApiError | None) -> ApiError:
    if error["code"] == FORBIDDEN:
        return Forbidden(error["message"], code="insufficient_scope")
    if missing is not None and error["code"] in MISSING:
        return missing
    return ApiError(error["message"])
