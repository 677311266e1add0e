"""Tokens for MCP servers behind OAuth 2.1: client credentials (RFC 6749, section 4.4).

The server names its authorization server (RFC 9728), which names its token endpoint (RFC 8414).
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import httpx2
from mcp.client.auth import OAuthFlowError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.utils import extract_field_from_www_auth
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from agentserver.core.egress import EgressRefused, guarded_client2
from agentserver_mcp.client.failures import ConnectFailed
from config.specs import ClientCredentials, McpServerSpec

Flow = AsyncGenerator[httpx2.Request, httpx2.Response]

MAX_BYTES = 1024 * 1024
# Of an issuer's answer nothing else is told: it may repeat what it was sent.
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class NoTokenError(Exception):
    """There is no token; the message says why and holds no secret."""


def auth_for(spec: McpServerSpec, on_denial: Callable[[str], None]) -> httpx2.Auth | None:
    """None for a server whose document has no ``auth``. Raises `ConnectFailed`.

    `on_denial` hears, where the request was made, why it is not let in; "" once there is a token.
    """
    if spec.auth is None:
        return None
    if not spec.auth.client_secret:
        raise ConnectFailed("its document has no auth.client_secret; write one")
    provider = _Provider(str(spec.url), spec.auth, spec.auth.client_secret)
    return TokenAuth(provider, seconds=spec.timeout_secs, on_denial=on_denial)


class TokenAuth(httpx2.Auth):
    """Gets a token when the server asks for one, and another when it refuses the first.

    The provider of the SDK holds a lock while it waits for any answer: a slow call would keep back
    all others, and its own cancellation. Here it only gets tokens, beside the connection: what goes
    wrong with a token ends the request that needs it and nothing else.
    """

    def __init__(
        self,
        provider: ClientCredentialsOAuthProvider,
        *,
        seconds: float,
        on_denial: Callable[[str], None],
    ) -> None:
        self._provider = provider
        self._seconds = seconds
        self._on_denial = on_denial
        self._getting: asyncio.Task[str | None] | None = None

    async def async_auth_flow(self, request: httpx2.Request) -> Flow:
        shown = self._show_token(request)
        response = yield request
        if not _asks_for_token(response):
            return
        # For a request that is given up while it waits.
        self._on_denial(f"HTTP {response.status_code}, no token yet")
        problem = await self._new_token(shown, request, response)
        self._on_denial(f"HTTP {response.status_code}, {problem}" if problem else "")
        if problem:
            return
        self._show_token(request)
        yield request

    def _show_token(self, request: httpx2.Request) -> str | None:
        token = _token_of(self._provider)
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return token

    async def _new_token(
        self, shown: str | None, request: httpx2.Request, refusal: httpx2.Response
    ) -> str | None:
        """The problem, None when there is a token to show. Requests that are refused together wait
        for the same one; none of them ends the others' wait."""
        if _token_of(self._provider) not in {None, shown}:
            return None
        if self._getting is None or self._getting.done():
            getting = _problem_of_getting(self._provider, request, refusal, self._seconds)
            self._getting = asyncio.create_task(getting, name="mcp token")
        return await asyncio.shield(self._getting)


def _asks_for_token(response: httpx2.Response) -> bool:
    """RFC 6750, section 3.1: without a valid token, or with one of too little scope."""
    if response.status_code == 403:
        return extract_field_from_www_auth(response, "error") == "insufficient_scope"
    return response.status_code == 401


def _token_of(provider: ClientCredentialsOAuthProvider) -> str | None:
    context = provider.context
    if context.current_tokens is None or not context.is_token_valid():
        return None
    return context.current_tokens.access_token


# --- getting one --------------------------------------------------------------------------------


async def _problem_of_getting(
    provider: ClientCredentialsOAuthProvider,
    request: httpx2.Request,
    refusal: httpx2.Response,
    seconds: float,
) -> str | None:
    http = guarded_client2(timeout=seconds, max_bytes=MAX_BYTES)
    try:
        async with asyncio.timeout(seconds), http:
            await _get(provider, request, refusal, http)
    except TimeoutError:
        return f"no token within {seconds:g} s"
    except (NoTokenError, OAuthFlowError, EgressRefused) as error:
        return f"no token: {error}"
    except httpx2.HTTPError as error:
        return f"no token: the issuer cannot be reached ({type(error).__name__})"
    except Exception as error:
        # Metadata of any form come from outside; nothing of that may end the connection.
        return f"no token: {type(error).__name__}"
    return None


async def _get(
    provider: ClientCredentialsOAuthProvider,
    request: httpx2.Request,
    refusal: httpx2.Response,
    http: httpx2.AsyncClient,
) -> None:
    """Drives the provider from the answer that refused `request` to where it would send it again.

    Raises `NoTokenError`, and what the provider and the client raise.
    """
    before = _token_of(provider)
    steps: Any = provider.async_auth_flow(request)
    async with aclosing(steps):
        asked, told = await anext(steps), False
        while not (asked is request and (told or _token_of(provider) != before)):
            told = told or asked is request
            answer = refusal if asked is request else await http.send(asked)
            is_token = asked is not request and asked.method == "POST"
            asked = await _next(steps, answer, is_token=is_token)


async def _next(steps: Any, answer: httpx2.Response, *, is_token: bool) -> httpx2.Request:
    if is_token and answer.status_code >= 400:
        raise NoTokenError(f"the issuer refused ({_reason(answer)})")
    try:
        following: httpx2.Request = await steps.asend(answer)
    except OAuthFlowError:
        if is_token:
            raise NoTokenError("the issuer's answer holds none") from None
        raise
    return following


def _reason(answer: httpx2.Response) -> str:
    """The status, and the error's code (RFC 6749, section 5.2) where there is one."""
    try:
        code = answer.json()["error"]
    except (ValueError, LookupError, TypeError):
        code = None
    known = isinstance(code, str) and _ERROR_CODE.fullmatch(code)
    return f"HTTP {answer.status_code} {code}" if known else f"HTTP {answer.status_code}"


class _Provider(ClientCredentialsOAuthProvider):
    """Asks for the scope of the document, where it names one, whatever the server asks for."""

    def __init__(self, url: str, auth: ClientCredentials, secret: str) -> None:
        super().__init__(
            server_url=url,
            storage=_Nowhere(),
            client_id=auth.client_id,
            client_secret=secret,
            token_endpoint_auth_method=auth.token_endpoint_auth_method,
            issuer=auth.issuer,
        )
        self._scope = auth.scope

    async def _perform_authorization(self) -> httpx2.Request:
        if self._scope:
            self.context.client_metadata.scope = self._scope
        return await super()._perform_authorization()


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
