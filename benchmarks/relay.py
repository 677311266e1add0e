"""The floor: an ASGI application that passes the model's bytes on, and does nothing else."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY = orjson.dumps(
    {
        "model": "fast",
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }
)
_HEADERS = [(b"content-type", b"text/event-stream")]


class Relay:
    """One upstream request per request, over one pooled client."""

    def __init__(self, model_url: str) -> None:
        self._url = f"{model_url}/chat/completions"
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/health":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._relay(send)

    async def _relay(self, send: Send) -> None:
        headers = {"content-type": "application/json"}
        client = self._pooled()
        async with client.stream("POST", self._url, content=_BODY, headers=headers) as answer:
            status = answer.status_code
            await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _pooled(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
            self._client = httpx.AsyncClient(limits=limits, timeout=60, trust_env=False)
        return self._client


application = Relay(os.environ.get("BENCHMARK_MODEL_URL", ""))
