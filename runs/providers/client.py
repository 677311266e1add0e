"""One HTTP client per event loop, shared by all models that run on it."""

import asyncio
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx

from runs.providers.transport import StreamingTransport

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()


def shared_client() -> httpx.AsyncClient:
    """The running loop's client, created on first use; connections are pooled and kept alive."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None or client.is_closed:
        client = _clients[loop] = new_client()
    return client


async def close_shared_client() -> None:
    """Close the running loop's client, if it has one; call it before the loop ends.

    ``close_clients`` of the package closes this one and those of SDKs.
    """
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


def new_client() -> httpx.AsyncClient:
    """A client over the streaming transport, or over httpx's own where a proxy is configured."""
    if {"http", "https", "all"} & getproxies().keys():
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        return httpx.AsyncClient(limits=limits)
    return httpx.AsyncClient(transport=StreamingTransport(), trust_env=False)
