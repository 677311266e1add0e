"""Changes of what is offered, for clients that listen, whichever process they are connected to."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.shared.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from agentserver.core.database import in_database
from agentserver_mcp.changes import (
    TOPIC,
    Kind,
    announce_list_change,
    announce_resource_update,
)
from agentserver_mcp.offers import fingerprint
from runs.events.live import Subscription, channel

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the configuration is looked at while somebody listens."""

_KINDS: dict[Kind, type[Any]] = {
    "tools": ToolsListChanged,
    "prompts": PromptsListChanged,
    "resources": ResourcesListChanged,
}


class LiveBus:
    """The SDK's subscription bus over the live channel: one pump per process while it is needed."""

    def __init__(self, server_id: str) -> None:
        self._server_id = server_id
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}
        self._users = 0
        self._pump: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def publish(self, event: ServerEvent) -> None:
        """Announced to every process; it comes back to this one as well."""
        if isinstance(event, ResourceUpdated):
            announce_resource_update(event.uri)
            return
        announce_list_change(next(kind for kind, known in _KINDS.items() if known is type(event)))

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        token = object()
        self._listeners[token] = listener
        return lambda: (self._listeners.pop(token, None), None)[1]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Within it, what is announced anywhere reaches the listeners."""
        self._users += 1
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())
        try:
            await self._ready.wait()
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._pump.cancel()
                self._pump, self._ready = None, asyncio.Event()

    async def _run(self) -> None:
        ready = self._ready
        async with channel().subscribe([TOPIC]) as subscription:
            seen = await self._look("")
            ready.set()
            while True:
                await self._pass_on(subscription)
                seen = await self._look(seen)

    async def _pass_on(self, subscription: Subscription) -> None:
        for batch in await subscription.get(LOOK_SECONDS) or ():
            if batch.lost:
                # Whatever it was: each of these only says "look again".
                for kind in _KINDS.values():
                    self._deliver(kind())
            else:
                self._tell(batch.notice)

    def _tell(self, notice: dict[str, Any]) -> None:
        kind = notice.get("kind")
        if kind == "resource":
            self._deliver(ResourceUpdated(uri=str(notice.get("uri"))))
        for name, event in _KINDS.items():
            if name == kind:
                self._deliver(event())

    async def _look(self, seen: str) -> str:
        """The state of the agents; tells the listeners when it is another than `seen`."""
        found = seen
        try:
            found = await in_database(fingerprint, self._server_id)
        except Exception:
            # Listening goes on while the database is away.
            logger.warning("the offered tools were not looked at", exc_info=True)
        if seen and found != seen:
            self._deliver(ToolsListChanged())
        return found

    def _deliver(self, event: ServerEvent) -> None:
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed; the others go on")
