"""One HTTP client per event loop, shared by all models that run on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.request import getproxies

import httpx

from agentserver.core.cookies import no_cookies
from runs.providers.transport import StreamingTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class _Closable(Protocol):
    @property
    def is_closed(self) -> bool: ...

    async def aclose(self) -> None: ...


ClientT = TypeVar("ClientT", bound=_Closable)


class PerLoop(Generic[ClientT]):
    """A client for each event loop that asks; connections cannot change loops."""

    def __init__(self, factory: Callable[[], ClientT]) -> None:
        self._factory = factory
        self._clients: dict[asyncio.AbstractEventLoop, ClientT] = {}

    def get(self) -> ClientT:
        """The running loop's client, made on first use."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None or client.is_closed:
            self._forget_closed_loops()
            client = self._clients[loop] = self._factory()
        return client

    async def close(self) -> None:
        """Close the running loop's client, if it has one."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._clients if loop.is_closed()]:
            self._clients.pop(loop, None)


def new_client() -> httpx.AsyncClient:
    """A client over the streaming transport, or over httpx's own where a proxy is configured."""
    if {"http", "https", "all"} & getproxies().keys():
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        return httpx.AsyncClient(limits=limits, cookies=no_cookies())
    return httpx.AsyncClient(transport=StreamingTransport(), trust_env=False, cookies=no_cookies())


clients: PerLoop[httpx.AsyncClient] = PerLoop(new_client)


def shared_client() -> httpx.AsyncClient:
    """The running loop's client, created on first use; connections are pooled and kept alive."""
    return clients.get()
