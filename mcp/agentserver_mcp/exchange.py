"""One request of a client while it is answered: what its handler works with.

Plugins get it as ``ctx.request``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, get_args

import anyio
from django.db import Error as DatabaseTrouble
from mcp.shared.dispatcher import CallOptions
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import LoggingLevel

from agentserver.access.principal import Principal
from agentserver.core.loops import background_loop
from agentserver_mcp.desk import Desk
from agentserver_mcp.models import McpSession
from agentserver_mcp.outbox import Outbox
from agentserver_mcp.protocol import Message, RequestId, id_text
from agentserver_mcp.questions import Questions
from agentserver_mcp.sessions import session_topic
from runs.events.live import LiveBatch, Subscription, channel

logger = logging.getLogger(__name__)

T = TypeVar("T")

LISTEN_SECONDS = 5.0
LEVELS: tuple[str, ...] = get_args(LoggingLevel)
"""From the least to the most severe."""


class Exchange:
    """The dispatch context of the SDK's kernel, over the two ends of a request.

    `principal` is who asks, `headers` what came with it (names in lower case), `session` the
    session of the handshake era, `modern` whether it is a request of 2026.
    """

    def __init__(
        self,
        message: Message,
        *,
        principal: Principal,
        headers: Mapping[str, str],
        session: McpSession | None = None,
        modern: bool = False,
    ) -> None:
        self.message = message
        self.principal = principal
        self.headers = headers
        self.session = session
        self.modern = modern
        self.desk = Desk()
        self.outbox = Outbox()
        self.questions = Questions(self.desk, self.outbox, session)
        self.reply: dict[str, Any] | None = None
        self.detached = False
        self.was_read = False
        self.cancelled = False
        self.can_send_request = session is not None and not modern
        self.transport = TransportContext(
            kind="streamable-http", can_send_request=self.can_send_request, headers=headers
        )
        self.message_metadata = ServerMessageMetadata(request_context=self)
        self.cancel_requested = anyio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._read = asyncio.Event()
        self._loop = background_loop()

    @property
    def request_id(self) -> RequestId | None:
        return self.message.id

    @property
    def key(self) -> str:
        """The request's id as it is stored."""
        return "" if self.message.id is None else id_text(self.message.id)

    async def database(self, work: Callable[..., T], *arguments: object) -> T:
        """Run synchronous database work in a thread and return its result. Cancelled while it
        waits for a thread, it is not done."""
        return await self.desk.database(work, *arguments)

    async def surely(self, work: Callable[..., T], *arguments: object) -> T:
        """As `database`, for what must be written even if the request is cancelled meanwhile."""
        return await even_unheard(self.desk.database(work, *arguments))

    # --- what goes to the client ------------------------------------------------------------------
    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        if method == "notifications/message" and not self._wants((params or {}).get("level")):
            return
        note: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        self._say(note if params is None else {**note, "params": dict(params)})

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        token = self.progress_token
        if token is None:
            return
        known = {"total": total, "message": message}
        said = {name: value for name, value in known.items() if value is not None}
        await self.notify(
            "notifications/progress", {"progressToken": token, "progress": progress, **said}
        )

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Asks the client (handshake era with a session only) and waits for its answer."""
        seconds = (opts or {}).get("timeout")
        return await self.questions.ask(method, params, seconds)

    async def log(self, level: LoggingLevel, text: str, logger: str) -> None:
        """A log message, when the client wants such."""
        await self.notify("notifications/message", {"level": level, "logger": logger, "data": text})

    @property
    def progress_token(self) -> RequestId | None:
        meta = self.message.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        fits = isinstance(token, str | int) and not isinstance(token, bool)
        return token if fits else None

    def _wants(self, level: object) -> bool:
        least = self._least_level()
        if least is None or level not in LEVELS:
            return False
        return LEVELS.index(str(level)) >= LEVELS.index(least)

    def _least_level(self) -> str | None:
        """The client's threshold: of its session, or of this very request; None for nothing."""
        if not self.modern:
            return (self.session.log_level if self.session else "") or LEVELS[0]
        meta = self.message.params.get("_meta")
        asked = meta.get("io.modelcontextprotocol/logLevel") if isinstance(meta, dict) else None
        return asked if asked in LEVELS else None

    def _say(self, message: dict[str, Any]) -> None:
        self.outbox.put(message)
        self.desk.dismiss()

    def finish(self, reply: dict[str, Any]) -> None:
        """The response, after which nothing more is said."""
        self.reply = reply
        self.outbox.put(reply)
        self.abandon()

    def abandon(self) -> None:
        """There will be no response."""
        self.outbox.close()
        self.desk.dismiss()

    # --- life -------------------------------------------------------------------------------------
    async def open(self) -> None:
        """Begin the response stream now; returns when somebody reads it."""
        self.desk.dismiss()
        await self._read.wait()

    def reading(self) -> None:
        """The response is being read. From any thread."""
        self.was_read = True
        self._loop.call_soon_threadsafe(self._read.set)

    def gone(self) -> None:
        """The client does not read the response any more. From any thread. In 2026 that is a
        cancellation; before, whatever can do without the client goes on."""
        self._end(self.cancel if self.modern else self._let_go)

    def overtime(self) -> None:
        """We do not send any more, which is no cancellation in any era. From any thread."""
        self._end(self._let_go)

    def _end(self, how: Callable[[], None]) -> None:
        if not self.outbox.closed:
            self.outbox.close()
            self._loop.call_soon_threadsafe(how)

    def _let_go(self) -> None:
        if self.detached and self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """Stop the handler because the client wants it. On the background loop."""
        if self._task is not None and not self._task.done():
            self.cancelled = True
            self.cancel_requested.set()
            self._task.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Around the handler: it can be cancelled, and in a session hears what becomes of it."""
        self._task = asyncio.current_task()
        if self.session is None or self.message.method not in HEARING:
            yield
            return
        async with channel().subscribe([session_topic(self.session.pk)]) as subscription:
            ear = asyncio.create_task(self._listen(subscription))
            try:
                yield
            finally:
                ear.cancel()

    async def _listen(self, subscription: Subscription) -> None:
        while True:
            batches = await subscription.get(LISTEN_SECONDS)
            if any(self._is_end(batch) for batch in batches or ()):
                self.cancel()
            try:
                await self.questions.look()
            except DatabaseTrouble:  # `InterfaceError` is no `DatabaseError`
                logger.warning("answers to questions were not read", exc_info=True)

    def _is_end(self, batch: LiveBatch) -> bool:
        if batch.lost:
            return False
        notice = batch.notice
        kind = notice.get("kind")
        return kind == "closed" or (kind == "cancelled" and notice.get("request_id") == self.key)


async def even_unheard(work: Coroutine[Any, Any, T]) -> T:
    """Await in a task of its own. Who waits here is cancelled at once; the task goes on unheard."""
    task = asyncio.create_task(work)
    # The loop itself only knows tasks weakly.
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    return await asyncio.shield(task)


_going_on: set[asyncio.Task[Any]] = set()


def exchange_of(ctx: Any) -> Exchange:
    """The exchange of a request context of the SDK."""
    exchange: Exchange = ctx.request
    return exchange


HEARING = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Methods that may take long or ask back."""
