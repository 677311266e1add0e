"""HTTP+SSE, the transport of 2024-11-05: messages are posted, every answer comes on one stream.

The stream belongs to one process; messages that others receive reach it over the live channel.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from mcp.server.connection import Connection
from mcp_types.version import LATEST_HANDSHAKE_VERSION

from agentserver.access.principal import Principal
from agentserver.core.api.answers import encode
from agentserver.core.database import in_database
from agentserver.core.errors import BadRequest
from agentserver.core.loops import submit
from agentserver.core.sse import EventStreamResponse, frame
from agentserver_mcp.catalogue import Catalogue
from agentserver_mcp.endpoint import (
    BRIDGED_PING_SECONDS,
    PING_SECONDS,
    STREAM_HEADERS,
    frame_of,
    work,
)
from agentserver_mcp.exchange import Exchange
from agentserver_mcp.models import McpSession
from agentserver_mcp.outbox import Outbox
from agentserver_mcp.protocol import Message, Refusal, id_text, parse
from agentserver_mcp.server import kernel_of
from agentserver_mcp.sessions import (
    cancel_call,
    close_session,
    introduce,
    keep_alive,
    open_session,
    take_answer,
)
from runs.events.live import channel

Json = dict[str, Any]
KEEP_SECONDS = 60.0


def stream_topic(session_id: str) -> str:
    return f"mcp:sse:{session_id}"


def pass_on(session: McpSession, raw: bytes) -> None:
    """Hands a posted message to whoever holds the stream. `BadRequest` for what is no message."""
    try:
        message = parse(raw)
    except Refusal as refusal:
        raise BadRequest(refusal.message) from None
    channel().notify(stream_topic(session.pk), message.body)


def open_stream(
    http: HttpRequest, *, principal: Principal, catalogue: Catalogue, messages_path: str
) -> EventStreamResponse:
    """The stream of a new session; its end ends the session and what is under way in it."""
    session = open_session(
        principal=principal,
        server=catalogue.id,
        version=LATEST_HANDSHAKE_VERSION,
        client_info={},
        capabilities={},
    )
    headers = {name.lower(): value for name, value in http.headers.items()}
    hall = _Hall(session, principal, catalogue, headers)
    ping = PING_SECONDS if hasattr(http, "scope") else BRIDGED_PING_SECONDS
    endpoint = f"{messages_path}?sessionId={session.pk}"
    frames = _frames(hall, endpoint, ping)
    return EventStreamResponse(frames, headers=STREAM_HEADERS, request=http)


async def _frames(hall: "_Hall", endpoint: str, ping: float) -> AsyncGenerator[bytes | None, None]:
    ends_at = time.monotonic() + settings.AGENTSERVER_STREAM_SECONDS
    served = submit(hall.serve())
    try:
        # What is posted before somebody listens would be lost.
        await asyncio.wrap_future(hall.listening)
        yield frame(endpoint, event="endpoint")
        while (said := await hall.outbox.get(ping)) is not None:
            yield b"".join(map(frame_of, said)) or None
            if time.monotonic() >= ends_at:
                return
    finally:
        served.cancel()


class _Hall:
    """Where the messages of one session are received and their answers are gathered."""

    def __init__(
        self,
        session: McpSession,
        principal: Principal,
        catalogue: Catalogue,
        headers: Mapping[str, str],
    ) -> None:
        self.outbox = Outbox()
        self.listening: Future[None] = Future()
        self._session = session
        self._principal = principal
        self._catalogue = catalogue
        self._headers = headers
        self._under_way: dict[asyncio.Task[None], Exchange] = {}

    async def serve(self) -> None:
        """Until the stream is gone."""
        topic = stream_topic(self._session.pk)
        try:
            async with channel().subscribe([topic]) as subscription:
                self.listening.set_result(None)
                while True:
                    batches = await subscription.get(KEEP_SECONDS)
                    for batch in batches or ():
                        if not batch.lost:
                            await self._take(batch.notice)
                    await in_database(keep_alive, self._session.pk)
        finally:
            self.outbox.close()
            for exchange in list(self._under_way.values()):
                exchange.cancel()
            await in_database(_close, self._principal, self._session)

    async def _take(self, body: Json) -> None:
        try:
            message = parse(encode(body))
        except Refusal:
            return
        if message.kind == "request":
            exchange = Exchange(
                message, principal=self._principal, headers=self._headers, session=self._session
            )
            task = asyncio.create_task(self._answer(exchange))
            self._under_way[task] = exchange
            task.add_done_callback(self._under_way.pop)
        elif message.kind == "response":
            await in_database(_answered, self._session, message.body)
        elif message.method == "notifications/cancelled":
            await self._cancel(message)

    async def _answer(self, exchange: Exchange) -> None:
        exchange.desk.attend(0)
        exchange.reading()
        session = self._session
        connection = Connection.from_envelope(
            session.version, session.client_info, session.capabilities, outbound=exchange
        )
        working = asyncio.create_task(work(exchange, kernel_of(self._catalogue), connection))
        while (said := await exchange.outbox.get(KEEP_SECONDS)) is not None:
            for message in said:
                if message is exchange.reply:
                    await self._introduced(exchange)
                self.outbox.put(message)
        await working

    async def _introduced(self, exchange: Exchange) -> None:
        reply = exchange.reply or {}
        if exchange.message.method == "initialize" and "result" in reply:
            params = exchange.message.params
            version = reply["result"]["protocolVersion"]
            await in_database(_introduce, self._session, version, params)

    async def _cancel(self, message: Message) -> None:
        request_id = message.params.get("requestId")
        if isinstance(request_id, str | int):
            await in_database(_cancelled, self._principal, self._session, id_text(request_id))


def _close(principal: Principal, session: McpSession) -> None:
    close_session(principal=principal, session=session)


def _answered(session: McpSession, response: Json) -> None:
    take_answer(session=session, response=response)


def _introduce(session: McpSession, version: str, params: Json) -> None:
    introduce(
        session=session,
        version=version,
        client_info=params.get("clientInfo") or {},
        capabilities=params.get("capabilities") or {},
    )


def _cancelled(principal: Principal, session: McpSession, request_id: str) -> None:
    cancel_call(principal=principal, session=session, request_id=request_id)
