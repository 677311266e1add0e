"""The companion of every worker: tends its connections, and in one worker also asks all servers
what they offer, so that runs, capabilities and the admin only read the database."""

import asyncio
import logging
from contextlib import suppress
from functools import partial

from django.db import DatabaseError

from agentserver.core.database import DATABASE_DOWN
from agentserver.core.errors import ApiError
from agentserver_mcp.client import store
from agentserver_mcp.client.failures import ConnectFailed, described
from agentserver_mcp.client.inventory import Inventory, InventoryTooLarge, read_inventory
from agentserver_mcp.client.pool import Pool, close_here, pool_here
from config import registry as registries
from config.registry import Registry
from config.specs import McpServerSpec
from runs.engine.companions import Worker

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# A lease is prolonged well before it runs out, but not at every tick.
TICKS_PER_RENEWAL = 3


async def discover(worker: Worker) -> None:
    """Runs until it is cancelled; then the worker's servers are left and their processes ended."""
    discovery = Discovery(worker, pool_here())
    try:
        while True:
            try:
                await discovery.tick()
            except DATABASE_DOWN:
                # Connections outlive it: a run may be in the middle of a call.
                logger.warning("MCP servers were not looked after", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(discovery.pool.woken.wait(), TICK_SECONDS)
            discovery.pool.woken.clear()
    finally:
        await discovery.stop()


class Discovery:
    """Loop-only. `leads`: this process holds the lease."""

    def __init__(self, worker: Worker, pool: Pool) -> None:
        self.pool = pool
        self.leads = False
        self._worker = worker
        self._ticks = 0
        self._synchronised = -1
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        registry: Registry = await self._worker.in_db(registries.current)
        idle = not registry.mcp_servers and not self.pool.holds_any
        if idle and self._synchronised == registry.version:
            # Nothing to do before the next version, and then the lease is anybody's.
            self.leads, self._ticks = False, 0
            return
        await self._tend(registry)
        await self._lead()
        if not self.leads:
            self._synchronised = -1
            return
        if self._synchronised != registry.version:
            await self._worker.in_db(store.synchronise, registry)
            self._synchronised = registry.version
        for server_id in await self._worker.in_db(store.due):
            if server_id in registry.mcp_servers and server_id not in self._asking:
                self._ask(registry, server_id)

    async def stop(self) -> None:
        """Hands the lease on at once, then ends what the connections hold."""
        for task in self._asking.values():
            task.cancel()
        try:
            if self.leads:
                with suppress(DatabaseError):
                    await self._worker.in_db(store.release_lease, self._worker.worker_id)
        finally:
            await close_here()

    async def _tend(self, registry: Registry) -> None:
        restarts = await self._worker.in_db(store.restarts) if self.pool.holds_any else {}
        self.pool.tend(registry, restarts)
        changed, self.pool.changed = self.pool.changed, set()
        revived, self.pool.revived = self.pool.revived, set()
        try:
            if changed:
                await self._worker.in_db(store.want_refresh, changed)
            if revived:
                await self._worker.in_db(store.revive, revived)
        except DATABASE_DOWN:
            self.pool.changed |= changed
            self.pool.revived |= revived
            raise

    async def _lead(self) -> None:
        if self._ticks % TICKS_PER_RENEWAL == 0:
            self.leads = await self._worker.in_db(store.hold_lease, self._worker.worker_id)
        self._ticks += 1

    # --- asking one server --------------------------------------------------------------------

    def _ask(self, registry: Registry, server_id: str) -> None:
        task = asyncio.create_task(self._refresh(registry, server_id), name=f"ask mcp {server_id}")
        self._asking[server_id] = task
        task.add_done_callback(lambda done: self._asked(server_id, done))

    def _asked(self, server_id: str, task: "asyncio.Task[None]") -> None:
        self._asking.pop(server_id, None)
        if not task.cancelled() and (error := task.exception()):
            logger.error("asking MCP server %s failed", server_id, exc_info=error)

    async def _refresh(self, registry: Registry, server_id: str) -> None:
        mark = await self._worker.in_db(store.fingerprint, registry, server_id)
        restarts = await self._worker.in_db(store.begin, server_id, mark)
        if restarts is None:
            return
        spec: McpServerSpec | None = None
        try:
            spec = await self._worker.in_db(registry.mcp_server_with_secrets, server_id)
            found, is_new = await self._inventory(spec)
        except Exception as error:
            text = _reason(error, spec)
            logger.warning("MCP server %s: %s", server_id, text)
            await self._worker.in_db(
                store.fail, server_id, mark, restarts=restarts, error=text, spec=spec
            )
            return
        await self._worker.in_db(
            store.succeed, server_id, mark, restarts=restarts, found=found, new_session=is_new
        )

    async def _inventory(self, spec: McpServerSpec) -> tuple[Inventory, bool]:
        connection = await self.pool.connection(spec)
        is_new, connection.counted = not connection.counted, True
        self.pool.revived.discard(spec.id)
        try:
            async with asyncio.timeout(2 * spec.timeout_secs):
                found = await connection.ask(partial(read_inventory, server_id=spec.id))
        except Exception:
            # Whatever is wrong with it: the next attempt had better begin with a new session.
            self.pool.retire(spec.id)
            raise
        return found, is_new


def _reason(error: Exception, spec: McpServerSpec | None) -> str:
    if isinstance(error, ApiError):
        return error.message
    if isinstance(error, ConnectFailed | InventoryTooLarge) or spec is None:
        return str(error)
    return described(error, spec)
