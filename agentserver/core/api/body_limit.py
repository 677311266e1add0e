"""Stops oversized request bodies before Django spools them to disk (ASGI, outermost).

Django reads a whole body before a view runs, whatever its length and with or without a
Content-Length; this wrapper counts what really arrives.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.http import HttpRequest

from agentserver.core.api.body import too_large
from agentserver.core.api.dialects import tell
from agentserver.core.api.errors import native_error

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """Answers 413 beyond ``default`` bytes; ``larger`` maps path prefixes to other limits."""

    def __init__(
        self, application: Application, *, default: int, larger: Mapping[str, int] | None = None
    ) -> None:
        self.application = application
        self.default = default
        self.larger = tuple((larger or {}).items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        declared = _declared(scope)
        if declared is not None and declared > limit:
            await _refuse(limit, scope, send)
        elif declared is not None or scope["method"] in ("GET", "HEAD"):
            # The server itself holds a client to the length it declared.
            await self.application(scope, receive, send)
        else:
            await self._counted(scope, receive, send, limit)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        body = _CountedBody(receive, limit)
        await self.application(scope, body.receive, send)
        if body.exceeded:
            # Django took the disconnect for a client that went away and answered nothing.
            await _refuse(limit, scope, send)

    def _limit(self, path: str) -> int:
        return next(
            (limit for prefix, limit in self.larger if path.startswith(prefix)), self.default
        )


class _CountedBody:
    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self.exceeded = False

    async def receive(self) -> Message:
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message


def _declared(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


async def _refuse(limit: int, scope: Scope, send: Send) -> None:
    request = HttpRequest()
    request.method, request.path = scope["method"], scope["path"]
    request.path_info = request.path
    answer = tell(too_large(limit), request, otherwise=native_error)
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    headers.append((b"content-length", str(len(answer.content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
