"""One JSON document that is ready later: the connection is held, no thread is.

The status is sent at once, so only what can no longer be refused is answered like this. Until the
document is there the body grows by a space now and then, which JSON allows before a value and which
keeps proxies from giving up.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpRequest

from agentserver.core.api.answers import JSON, encode
from agentserver.core.sse import EventStreamResponse

KEEP_ALIVE_SECONDS = 10.0


class LateJson(EventStreamResponse):
    """Answers 200 with the value that ``document`` comes to, encoded; it is called when somebody
    reads the answer.

    When it raises, the body ends before its value: the client sees a broken answer. It is
    cancelled when the client goes away. `max_seconds` bounds the wait in the same way.
    """

    def __init__(
        self,
        document: Callable[[], Awaitable[Any]],
        *,
        request: HttpRequest | None = None,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        max_seconds: float | None = None,
    ) -> None:
        super().__init__(
            _written(document), headers=headers, request=request, max_seconds=max_seconds
        )
        self["Content-Type"] = content_type


async def _written(document: Callable[[], Awaitable[Any]]) -> AsyncGenerator[bytes, None]:
    value = asyncio.ensure_future(document())
    try:
        while not (await asyncio.wait({value}, timeout=KEEP_ALIVE_SECONDS))[0]:
            yield b" "
        yield encode(value.result())
    finally:
        value.cancel()
