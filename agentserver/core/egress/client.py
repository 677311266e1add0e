"""The guard as an ``httpx.AsyncClient``."""

# client.py and client2.py are twins: one text, for httpx and for httpx2. A change belongs into
# both; tests/shape/test_twins.py compares them.

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import httpcore
import httpx

from agentserver.core.cookies import no_cookies
from agentserver.core.egress.connecting import (
    MOST_CONNECTIONS,
    capped,
    check_encoding,
    check_request,
    connect,
)
from agentserver.core.egress.refusal import EgressRefused

if TYPE_CHECKING:
    from ssl import SSLContext


def build(
    *, timeout: float | httpx.Timeout, headers: Mapping[str, str] | None, max_bytes: int
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=GuardedTransport(max_bytes),
        timeout=timeout,
        headers=dict(headers or {}),
        cookies=no_cookies(),
        follow_redirects=False,
        trust_env=False,
    )


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Checks each request, also the ones that follow a redirect, and each connection it opens."""

    def __init__(self, max_bytes: int) -> None:
        # Instead of the inherited one, whose only work is to make a pool without our backend.
        self._max_bytes = max_bytes
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_certificates(),
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=_Backend(),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        check_request(url.raw_scheme, url.raw_host, url.port, url.userinfo)
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        try:
            check_encoding(response.headers)
        except EgressRefused:
            await response.aclose()
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Capped(response.stream, self._max_bytes)
        return response


class _Capped(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, most: int) -> None:
        self._body = body
        self._most = most

    def __aiter__(self) -> AsyncIterator[bytes]:
        return capped(self._body, self._most)

    async def aclose(self) -> None:
        await self._body.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async def dial(address: str, seconds: float) -> httpcore.AsyncNetworkStream:
            return await self._network.connect_tcp(
                address, port, seconds, local_address, socket_options
            )

        failures = (httpcore.ConnectError, httpcore.ConnectTimeout)
        try:
            return await connect(dial, host, port, seconds=timeout, failures=failures)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except OSError as error:
            raise httpcore.ConnectError(f"the name does not resolve: {error}") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise EgressRefused("sockets of this machine are out of reach")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


@lru_cache(maxsize=1)
def _certificates() -> "SSLContext":
    # Reading the certificates takes long enough to do it once. SSL_CERT_FILE is the operator's.
    return httpx.create_ssl_context(trust_env=True)
