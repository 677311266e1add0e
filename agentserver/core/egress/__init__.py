"""The one guard for requests to addresses that users give: webhooks, remote agents, MCP servers.

Against server-side request forgery: only http and https, only public addresses, checked for every
connection and pinned to it (the name is resolved once), no redirects, no cookies, no proxies or
credentials from the environment, answers bounded. The operator opens exceptions with
``AGENTSERVER_EGRESS_ALLOW``; plain http is for those, unless ``AGENTSERVER_EGRESS_HTTP`` is on.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentserver.core.egress.connecting import MAX_BYTES
from agentserver.core.egress.refusal import EgressRefused
from agentserver.core.egress.resolving import resolve
from agentserver.core.egress.targets import check_url

if TYPE_CHECKING:
    import httpx
    import httpx2

__all__ = ["EgressRefused", "check_url", "guarded_client", "guarded_client2", "resolve"]


def guarded_client(
    *,
    timeout: "float | httpx.Timeout",
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> "httpx.AsyncClient":
    """A client whose requests may raise `EgressRefused` besides the errors of httpx.

    `timeout` is in seconds for each step of a request, as httpx counts; a peer that trickles its
    answer is for the caller to bound (``asyncio.timeout``). `max_bytes` bounds each answer, also a
    streamed one. The caller closes the client.
    """
    # Deferred, as in `guarded_client2`: starting the server must not load HTTP libraries.
    from agentserver.core.egress import client

    return client.build(timeout=timeout, headers=headers, max_bytes=max_bytes)


def guarded_client2(
    *,
    timeout: "float | httpx2.Timeout",
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> "httpx2.AsyncClient":
    """`guarded_client` for libraries that are built on httpx2."""
    from agentserver.core.egress import client2

    return client2.build(timeout=timeout, headers=headers, max_bytes=max_bytes)
