"""One connection to one server. A task of its own enters and leaves the SDK's client."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import Any, TypeVar, cast

from mcp import Client, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolResult,
    ElicitResult,
    ErrorData,
    PromptListChangedNotification,
    RequestParamsMeta,
    ResourceListChangedNotification,
    ToolListChangedNotification,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from agentserver_mcp.client import questions
from agentserver_mcp.client.call import Call, current_call
from agentserver_mcp.client.failures import ConnectFailed, ConnectionLost, described
from agentserver_mcp.client.opening import Hooks, opened
from config.specs import McpServerSpec
from runs.tools.context import ToolContext

logger = logging.getLogger(__name__)

T = TypeVar("T")

# After this a request that was given up is left to the connection.
ABANDON_SECONDS = 2.0
_CHANGES = (
    ToolListChangedNotification,
    PromptListChangedNotification,
    ResourceListChangedNotification,
)


class Connection:
    """Everything here happens on one loop. `on_changed` hears that the server's lists changed, or
    that the connection ended by itself; `counted` is for whoever counts sessions."""

    def __init__(
        self, spec: McpServerSpec, *, legacy: bool, restarts: int, on_changed: Callable[[], None]
    ) -> None:
        self.spec = spec
        self.restarts = restarts
        self.counted = False
        self.used_at = monotonic()
        self._legacy = legacy
        self._on_changed = on_changed
        self._calls: set[Call] = set()
        self._one_at_a_time: asyncio.Lock | None = None
        self._leave = asyncio.Event()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # A context of its own: the first caller's must not be taken for everybody's.
        self._owner = asyncio.get_running_loop().create_task(
            self._own(), name=f"mcp {spec.id}", context=Context()
        )

    # --- life -------------------------------------------------------------------------------

    async def client(self) -> Client:
        """Raises `ConnectFailed`."""
        return await asyncio.shield(self._client)

    @property
    def ended(self) -> bool:
        return self._leave.is_set() or self._owner.done()

    @property
    def gone(self) -> bool:
        """Nothing of it is left, no process either."""
        return self._owner.done() and not self._calls

    @property
    def busy(self) -> bool:
        return bool(self._calls) or not self._client.done()

    @property
    def is_handshake_era(self) -> bool:
        """Whether the server turned out to speak only the older revisions."""
        done = self._client.done() and not self._client.exception()
        return done and self._client.result().protocol_version in HANDSHAKE_PROTOCOL_VERSIONS

    def leave(self) -> None:
        """Ends the connection; calls under way fail. Closing takes place in the background."""
        self._leave.set()
        if not self._client.done():
            self._owner.cancel()

    async def closed(self, seconds: float) -> None:
        """Waits until the server's process is gone, or `seconds` have passed."""
        await asyncio.wait({self._owner}, timeout=seconds)

    async def _own(self) -> None:
        try:
            await self._stay()
        except ConnectFailed as error:
            self._fail(error)
        except asyncio.CancelledError:
            self._fail(ConnectFailed("the connection was given up"))
            raise
        except Exception as error:
            # The transport broke down: whoever waits hears of it, and the next call reconnects.
            self._fail(ConnectFailed(described(error, self.spec)))
        finally:
            self._end()

    def _end(self) -> None:
        """The transport is gone. Said at once: tidying up after it may take seconds."""
        if not self._leave.is_set():
            self._leave.set()
            self._on_changed()

    async def _stay(self) -> None:
        hooks = Hooks(on_end=self._end, on_message=self._on_message, on_question=self._on_question)
        limit = asyncio.timeout(self.spec.timeout_secs)
        try:
            async with limit, opened(self.spec, hooks, legacy=self._legacy) as client:
                limit.reschedule(None)
                self._client.set_result(client)
                await self._until_the_end(client)
        except TimeoutError as error:
            raise ConnectFailed(described(error, self.spec)) from None

    async def _until_the_end(self, client: Client) -> None:
        changes = client.server_capabilities.tools
        if client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS or not (
            changes and changes.list_changed
        ):
            await self._leave.wait()
            return
        listening = asyncio.create_task(self._listen(client))
        try:
            await self._leave.wait()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _listen(self, client: Client) -> None:
        """Since 2026-07-28 changes are told only to those who ask for them."""
        try:
            async with client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    self._on_changed()
        except Exception:
            # The periodic refresh notices changes as well, only later.
            logger.info("MCP server %s no longer reports changes", self.spec.id)

    def _fail(self, error: ConnectFailed) -> None:
        if not self._client.done():
            self._client.set_exception(error)
            # Nobody may be waiting.
            self._client.exception()

    # --- what the server says -----------------------------------------------------------------

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, _CHANGES):
            self._on_changed()

    async def _on_question(self, context: Any, params: Any) -> ElicitResult | ErrorData:
        call = current_call.get() or self._only_call()
        if call is None:
            # From now on calls of this server wait for one another, so the next one can be asked.
            self._one_at_a_time = self._one_at_a_time or asyncio.Lock()
            return questions.AMBIGUOUS
        return await questions.answer(call, self.spec.id, params)

    def _only_call(self) -> Call | None:
        return next(iter(self._calls)) if len(self._calls) == 1 else None

    async def ask(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Requests that belong to no call of a tool. Raises what they raise, `ConnectFailed` where
        the server did not let us in."""
        client, call = await self.client(), Call(None)
        token = current_call.set(call)
        try:
            return await work(client)
        except MCPError:
            if call.denied:
                raise ConnectFailed(call.denied) from None
            raise
        finally:
            current_call.reset(token)

    # --- calls --------------------------------------------------------------------------------

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any], context: ToolContext | None
    ) -> CallToolResult:
        """Raises `ConnectFailed`, `ConnectionLost`, `MCPError`, pydantic's `ValidationError` or
        RuntimeError for an answer against the protocol, and what the server's questions raise."""
        client = await self.client()
        if self._one_at_a_time is None:
            return await self._called(client, name, arguments, context)
        async with self._one_at_a_time:
            return await self._called(client, name, arguments, context)

    async def _called(
        self, client: Client, name: str, arguments: Mapping[str, Any], context: ToolContext | None
    ) -> CallToolResult:
        call = Call(context)
        if self.ended:
            raise ConnectionLost("the connection has ended", refused=True)
        self._calls.add(call)
        token = current_call.set(call)
        try:
            return await self._asked_or_answered(client, call, name, arguments)
        except MCPError as error:
            if call.denied:
                raise ConnectFailed(call.denied) from None
            if call.refused or error.error.code == CONNECTION_CLOSED:
                self.leave()
                raise ConnectionLost(error.error.message, refused=call.refused) from None
            raise
        finally:
            current_call.reset(token)
            call.over.set()
            self._calls.discard(call)
            self.used_at = monotonic()

    async def _asked_or_answered(
        self, client: Client, call: Call, name: str, arguments: Mapping[str, Any]
    ) -> CallToolResult:
        work = asyncio.ensure_future(
            client.call_tool(
                name,
                dict(arguments),
                read_timeout_seconds=float(self.spec.timeout_secs),
                progress_callback=call.progress,
                meta=cast("RequestParamsMeta | None", call.meta()),
            )
        )
        try:
            either: set[asyncio.Future[Any]] = {work, call.asked}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if call.asked.done():
                raise call.asked.result()
            return await work
        finally:
            await _given_up(work)


async def _given_up(work: "asyncio.Future[Any]") -> None:
    """Cancels the request and gives the connection a moment to tell the server."""
    if work.done():
        return
    work.cancel()
    await asyncio.wait({work}, timeout=ABANDON_SECONDS)
    if work.done() and not work.cancelled():
        work.exception()
