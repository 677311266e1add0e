"""Tokens for MCP servers behind OAuth 2.1: client credentials (RFC 6749, section 4.4).

The server names its authorization server (RFC 9728), which names its token endpoint (RFC 8414).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
import httpx2
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.utils import extract_field_from_www_auth
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from agentserver_mcp.client.failures import ConnectFailed
from config.specs import ClientCredentials, McpServerSpec

Flow = AsyncGenerator[httpx2.Request, httpx2.Response]


def auth_for(spec: McpServerSpec) -> httpx2.Auth | None:
    """None for a server whose document has no ``auth``. Raises `ConnectFailed`."""
    if spec.auth is None:
        return None
    if not spec.auth.client_secret:
        raise ConnectFailed("its document has no auth.client_secret; write one")
    return TokenAuth(_provider(str(spec.url), spec.auth, spec.auth.client_secret))


class TokenAuth(httpx2.Auth):
    """Gets a token when the server asks for one, and another when it refuses the first.

    The provider of the SDK holds a lock while it waits for any answer: a slow call would keep back
    all others, and its own cancellation. Here it only gets tokens, and requests go their ways.
    """

    def __init__(self, provider: ClientCredentialsOAuthProvider) -> None:
        self._provider = provider
        self._getting = anyio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> Flow:
        shown = self._show_token(request)
        response = yield request
        if not _asks_for_token(response):
            return
        async with self._getting:
            # Unless another request has got one while this one waited.
            if self._token() == shown:
                async with aclosing(_Getting(self._provider, request, response)) as getting:
                    while asked := await getting.next_request():
                        getting.answer = yield asked
        self._show_token(request)
        yield request

    def _show_token(self, request: httpx2.Request) -> str | None:
        token = self._token()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return token

    def _token(self) -> str | None:
        return _token_of(self._provider)


class _Getting:
    """The requests of the provider that lead from an answer that refuses a request to a token."""

    def __init__(
        self,
        provider: ClientCredentialsOAuthProvider,
        request: httpx2.Request,
        refusal: httpx2.Response,
    ) -> None:
        self.answer: httpx2.Response | None = None
        self._provider = provider
        self._request = request
        self._refusal: httpx2.Response | None = refusal
        self._before = _token_of(provider)
        self._flow: Any = provider.async_auth_flow(request)

    async def next_request(self) -> httpx2.Request | None:
        """Takes `answer` for the one before; None when the provider would try its luck again."""
        asked: httpx2.Request = await self._flow.asend(self.answer)
        if asked is not self._request:
            return asked
        if self._refusal is None or _token_of(self._provider) != self._before:
            return None
        self.answer, self._refusal = self._refusal, None
        return await self.next_request()

    async def aclose(self) -> None:
        await self._flow.aclose()


def _token_of(provider: ClientCredentialsOAuthProvider) -> str | None:
    context = provider.context
    if context.current_tokens is None or not context.is_token_valid():
        return None
    return context.current_tokens.access_token


def _asks_for_token(response: httpx2.Response) -> bool:
    """RFC 6750, section 3.1: without a valid token, or with one of too little scope."""
    if response.status_code == 403:
        return extract_field_from_www_auth(response, "error") == "insufficient_scope"
    return response.status_code == 401


def _provider(url: str, auth: ClientCredentials, secret: str) -> ClientCredentialsOAuthProvider:
    return ClientCredentialsOAuthProvider(
        server_url=url,
        storage=_Nowhere(),
        client_id=auth.client_id,
        client_secret=secret,
        token_endpoint_auth_method=auth.token_endpoint_auth_method,
        scope=auth.scope,
        issuer=auth.issuer,
    )


class _Nowhere:
    """Tokens live as long as the connection they were got for."""

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """The provider has them."""

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """It is in the document."""
