"""The connections of one process: made when a call needs them, closed when nobody does any more."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from agentserver_mcp.client.failures import ConnectFailed
from agentserver_mcp.client.identity import connection_of
from agentserver_mcp.client.loading import loaded
from config.registry import EMPTY, Registry
from config.specs import McpServerSpec

if TYPE_CHECKING:
    from agentserver_mcp.client.connection import Connection


# A child costs more to start than a session over HTTP.
IDLE_SECONDS = {"stdio": 300.0, "http": 60.0, "sse": 60.0}
CLOSE_SECONDS = 1.8


class Pool:
    """At most one connection per server that new calls use. Loop-only.

    `woken` is set when servers reported changes or connections were lost; `changed` holds their
    ids. `revived` holds those that a call has reached although discovery may have given them up.
    """

    def __init__(self) -> None:
        self.registry: Registry = EMPTY
        self.woken = asyncio.Event()
        self.changed: set[str] = set()
        self.revived: set[str] = set()
        self._restarts: dict[str, int] = {}
        self._live: dict[str, Connection] = {}
        self._retired: set[Connection] = set()
        self._handshake_era: set[str] = set()
        self._closed = False

    @property
    def holds_any(self) -> bool:
        return bool(self._live or self._retired)

    def spec_for(self, registry: Registry, server_id: str) -> McpServerSpec:
        """The document with its secrets: of the newest configuration that is known here, unless the
        run is ahead of it. Raises `McpServerNotFound` and `SecretUnreadableError`."""
        newer = self.registry.version > registry.version
        return (self.registry if newer else registry).mcp_server_with_secrets(server_id)

    async def connection(self, spec: McpServerSpec) -> "Connection":
        """A connection that is ready for use. Raises `ConnectFailed`."""
        if self._closed:
            raise ConnectFailed("this worker is shutting down")
        module = await loaded("agentserver_mcp.client.connection")
        found = self._live.get(spec.id)
        if found is None or found.ended or connection_of(found.spec) != connection_of(spec):
            self.retire(spec.id)
            found = self._live[spec.id] = self._made(module.Connection, spec)
        found.used_at = monotonic()
        try:
            await found.client()
        except ConnectFailed:
            if self._live.get(spec.id) is found:
                del self._live[spec.id]
            self._handshake_era.discard(spec.id)
            raise
        if found.is_handshake_era:
            self._handshake_era.add(spec.id)
        if not found.counted:
            self.revived.add(spec.id)
        return found

    def _made(self, make: "type[Connection]", spec: McpServerSpec) -> "Connection":
        return make(
            spec,
            legacy=spec.id in self._handshake_era,
            restarts=self._restarts.get(spec.id, 0),
            on_changed=lambda: self.note(spec.id),
        )

    def note(self, server_id: str) -> None:
        """What is known of the server may be out of date: it is to be asked."""
        self.changed.add(server_id)
        self.woken.set()

    def retire(self, server_id: str) -> None:
        """New calls get another connection; those under way keep this one to their end."""
        gone = self._live.pop(server_id, None)
        if gone is not None:
            self._retired.add(gone)

    def drop(self, server_id: str) -> None:
        """Ends the connection at once, whatever is under way on it."""
        self.retire(server_id)
        for connection in self._retired:
            if connection.spec.id == server_id:
                connection.leave()

    # --- tending ------------------------------------------------------------------------------

    def tend(self, registry: Registry, restarts: Mapping[str, int]) -> None:
        """Now and then: drops what was deleted or restarted by hand, closes what is idle."""
        self.registry = registry
        self._restarts = dict(restarts)
        for server_id, connection in list(self._live.items()):
            if server_id not in registry.mcp_servers:
                self.drop(server_id)
            elif connection.restarts < restarts.get(server_id, 0):
                self.drop(server_id)
                self.changed.add(server_id)
            elif connection.ended or _is_idle(connection) or self._is_outdated(connection):
                self.retire(server_id)
        self._clear()

    def _clear(self) -> None:
        for connection in list(self._retired):
            if not connection.busy or connection.spec.id not in self.registry.mcp_servers:
                connection.leave()
            if connection.gone:
                self._retired.discard(connection)

    def _is_outdated(self, connection: "Connection") -> bool:
        known = self.registry.mcp_servers[connection.spec.id]
        # Secrets that changed are noticed by the next call, which reads them anyway.
        return connection_of(known)[:4] != connection_of(connection.spec)[:4]

    async def close(self) -> None:
        """Ends everything and waits a moment for the servers' processes to go."""
        self._closed = True
        for server_id in list(self._live):
            self.drop(server_id)
        if self._retired:
            with suppress(TimeoutError):
                waits = [each.closed(CLOSE_SECONDS) for each in self._retired]
                await asyncio.gather(*waits)
        self._retired.clear()


def _is_idle(connection: "Connection") -> bool:
    limit = IDLE_SECONDS[connection.spec.transport]
    return not connection.busy and monotonic() - connection.used_at > limit


_pools: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pool]" = WeakKeyDictionary()


def pool_here() -> Pool:
    """The pool of the running loop."""
    loop = asyncio.get_running_loop()
    found = _pools.get(loop)
    if found is None:
        found = _pools[loop] = Pool()
    return found


async def close_here() -> None:
    """Closes the pool of the running loop; the next one starts empty."""
    found = _pools.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.close()
