"""One request over Streamable HTTP: from the Django request to its answer, in either era.

The SDK's kernel serves one request on the background loop; its answer is JSON unless the handler
says something before it, takes long, or opens the stream itself.
"""

import asyncio
import logging
import time
import weakref
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from mcp.server.connection import Connection
from mcp.server.runner import serve_one
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from pydantic import ValidationError

from agentserver.access.principal import Principal
from agentserver.core.api.answers import empty_answer, encode, json_answer
from agentserver.core.errors import ApiError
from agentserver.core.loops import submit
from agentserver.core.sse import EventStreamResponse, frame
from agentserver_mcp import protocol
from agentserver_mcp.catalogue import Catalogue
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.models import McpSession
from agentserver_mcp.protocol import Message, Refusal
from agentserver_mcp.server import Kernel, kernel_of
from agentserver_mcp.sessions import cancel_call, find_session, open_session, take_answer

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger(__name__)

Json = dict[str, Any]

SILENCE_SECONDS = 1.0
"""How long an answer may take before the stream begins without it."""
PING_SECONDS = 15.0
BRIDGED_PING_SECONDS = 2.0
"""Under WSGI writing is the only way to notice that the client has gone."""
STREAM_HEADERS = {"Cache-Control": "no-cache, no-transform"}


def answer(
    http: HttpRequest, raw: bytes, *, principal: Principal, catalogue: Catalogue
) -> HttpResponseBase:
    """The answer to a POST. All database work that can be done before the stream is done here."""
    headers = {name.lower(): value.strip() for name, value in http.headers.items()}
    modern = protocol.is_modern(headers.get(protocol.VERSION_HEADER))
    try:
        message = protocol.parse(raw)
        caller = _Caller(http, headers, principal, catalogue)
        return caller.modern(message) if modern else caller.handshake(message)
    except Refusal as refusal:
        return json_answer(refusal.body(), status=refusal.status)


class _Caller:
    """Who asks what: the facts of one POST."""

    def __init__(
        self,
        http: HttpRequest,
        headers: Mapping[str, str],
        principal: Principal,
        catalogue: Catalogue,
    ) -> None:
        self.http = http
        self.headers = headers
        self.principal = principal
        self.catalogue = catalogue

    # --- 2026 -------------------------------------------------------------------------------------
    def modern(self, message: Message) -> HttpResponseBase:
        if message.kind == "response":
            raise Refusal(INVALID_REQUEST, "The body must be a request or a notification")
        if message.kind == "notification":
            protocol.check_version(self.headers[protocol.VERSION_HEADER])
            return empty_answer(202)
        route = protocol.classify(message, self.headers)
        if message.method == "tools/call":
            schema = self.catalogue.mirrored_schema(str(message.params.get("name")))
            if schema is not None:
                protocol.check_mirrored_arguments(message, schema, self.headers)
        connection = Connection.from_envelope(
            route.protocol_version, route.client_info, route.client_capabilities
        )
        exchange = Exchange(message, principal=self.principal, headers=self.headers, modern=True)
        return self._serve(exchange, connection)

    # --- handshake --------------------------------------------------------------------------------
    def handshake(self, message: Message) -> HttpResponseBase:
        session = self._session()
        if message.kind == "response":
            if session is None:
                raise Refusal(INVALID_REQUEST, "A response needs the header Mcp-Session-Id")
            take_answer(session=session, response=message.body)
            return empty_answer(202)
        if message.kind == "notification":
            self._take_note(message, session)
            return empty_answer(202)
        if message.method == "initialize":
            return self._initialize(message)
        exchange = Exchange(
            message, principal=self.principal, headers=self.headers, session=session
        )
        return self._serve(exchange, self._connection(exchange))

    def _session(self) -> McpSession | None:
        """The session that the request names; `Refusal` 404 for one that is over."""
        session_id = self.headers.get(protocol.SESSION_HEADER)
        if not session_id:
            return None
        session = find_session(
            principal=self.principal, server=self.catalogue.id, session_id=session_id
        )
        if session is None:
            raise Refusal(INVALID_REQUEST, "Session not found: initialize again", status=404)
        return session

    def _take_note(self, message: Message, session: McpSession | None) -> None:
        request_id = message.params.get("requestId")
        if message.method != "notifications/cancelled" or session is None:
            return
        if isinstance(request_id, str | int) and not isinstance(request_id, bool):
            known = protocol.id_text(request_id)
            cancel_call(principal=self.principal, session=session, request_id=known)

    def _connection(self, exchange: Exchange) -> Connection:
        session = exchange.session
        if session is None:
            version = self.headers.get(protocol.VERSION_HEADER, protocol.ASSUMED_VERSION)
            return Connection.from_envelope(version, None, None, outbound=exchange)
        connection = Connection.from_envelope(
            session.version, session.client_info, session.capabilities, outbound=exchange
        )
        connection.session_id = session.pk
        return connection

    def _initialize(self, message: Message) -> HttpResponseBase:
        exchange = Exchange(message, principal=self.principal, headers=self.headers)
        connection = Connection.from_envelope(LATEST_HANDSHAKE_VERSION, None, None)
        response = self._serve(exchange, connection)
        reply = exchange.reply or {}
        if "result" in reply:
            session = open_session(
                principal=self.principal,
                server=self.catalogue.id,
                version=reply["result"]["protocolVersion"],
                client_info=message.params.get("clientInfo") or {},
                capabilities=message.params.get("capabilities") or {},
            )
            response["Mcp-Session-Id"] = session.pk
        return response

    # --- both -------------------------------------------------------------------------------------
    def _serve(self, exchange: Exchange, connection: Connection) -> HttpResponseBase:
        json, stream = protocol.accepts(self.headers.get("accept", ""))
        if not (json and stream):
            raise Refusal(
                INVALID_REQUEST,
                "Accept must list application/json and text/event-stream",
                status=406,
                request_id=exchange.request_id,
            )
        working = submit(work(exchange, kernel_of(self.catalogue), connection))
        exchange.desk.attend(SILENCE_SECONDS)
        if exchange.reply is not None and exchange.outbox.is_single:
            return _json(exchange.reply, modern=exchange.modern)
        bridged = not hasattr(self.http, "scope")
        response = EventStreamResponse(
            _frames(exchange, BRIDGED_PING_SECONDS if bridged else PING_SECONDS),
            headers=STREAM_HEADERS,
            request=self.http,
            # It ends by itself before that, with an error that says so.
            max_seconds=settings.AGENTSERVER_STREAM_SECONDS + 2 * PING_SECONDS,
        )
        weakref.finalize(response, _unread, exchange, working)
        return response


def _json(reply: Json, *, modern: bool) -> HttpResponse:
    return json_answer(reply, status=protocol.http_status(reply, modern=modern))


def _unread(exchange: Exchange, working: "Future[None]") -> None:
    """A response that is never read would keep its handler waiting for ever. One that is has told
    the exchange of its end, which may mean that the handler goes on."""
    if not exchange.was_read:
        working.cancel()


async def work(exchange: Exchange, server: Kernel, connection: Connection) -> None:
    """The handler's whole life; its reply is the last that the exchange says."""
    message = exchange.message
    try:
        async with exchange.running():
            result = await serve_one(
                server,
                exchange,
                message.method,
                message.body.get("params"),
                connection=connection,
                lifespan_state={},
            )
        exchange.finish(protocol.success(_id(message), result))
    except asyncio.CancelledError:
        if not exchange.cancelled:
            exchange.abandon()
            raise
        cancelled = protocol.failure(
            message.id, protocol.REQUEST_CANCELLED, "The request was cancelled"
        )
        exchange.finish(cancelled)
    except Exception as error:
        exchange.finish(_failure(message, error))


def _id(message: Message) -> protocol.RequestId:
    assert message.id is not None  # noqa: S101 - only requests are served
    return message.id


def _failure(message: Message, error: Exception) -> Json:
    """What a client may know about an error. Texts of bugs stay in the log."""
    if isinstance(error, MCPError):
        return protocol.failure(message.id, error.code, error.message, error.data)
    if isinstance(error, ValidationError):
        return protocol.failure(message.id, INVALID_PARAMS, "Invalid request parameters", "")
    if isinstance(error, ApiError) and error.status < 500:
        return protocol.failure(message.id, INVALID_PARAMS, error.message)
    logger.error("MCP %s failed", message.method, exc_info=error)
    return protocol.failure(message.id, INTERNAL_ERROR, "Internal server error")


async def _frames(exchange: Exchange, ping: float) -> AsyncGenerator[bytes | None, None]:
    """What the handler says, then its reply; None where it is silent for long."""
    ends_at = time.monotonic() + settings.AGENTSERVER_STREAM_SECONDS
    exchange.reading()
    try:
        while (said := await exchange.outbox.get(ping)) is not None:
            if time.monotonic() >= ends_at:
                yield b"".join(map(frame_of, await _last_of(exchange, said)))
                return
            yield b"".join(map(frame_of, said)) or None
    finally:
        exchange.gone()


async def _last_of(exchange: Exchange, said: list[Json]) -> list[Json]:
    """What was said until the time was over; that it is over only where the reply is missing."""
    exchange.overtime()
    said = said + (await exchange.outbox.get(0) or [])
    answered = bool(said) and said[-1] is exchange.reply
    return said if answered else [*said, _overtime(exchange)]


def _overtime(exchange: Exchange) -> Json:
    return protocol.failure(exchange.request_id, INTERNAL_ERROR, "The time of this stream is over")


def frame_of(message: Json) -> bytes:
    return frame(encode(message), event="message")
