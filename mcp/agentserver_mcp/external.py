"""A configured MCP server as one of ours: its inventory is listed, calls are passed on to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import types
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from agentserver.core.database import in_database
from agentserver.core.errors import ApiError
from agentserver_mcp.catalogue import (
    DIRECT_SCOPE,
    Catalogue,
    Context,
    ToolResult,
    forbidden,
    tool_error,
    unfit,
    unknown_prompt,
    unknown_resource,
    unknown_tool,
)
from agentserver_mcp.client import store
from agentserver_mcp.client.calls import FAILURES, failure_text
from agentserver_mcp.client.failures import ConnectionLost, described, without_secrets
from agentserver_mcp.client.lookup import Known, known_server
from agentserver_mcp.client.pool import Pool, pool_here
from agentserver_mcp.client.source import is_offered, waits_for_approval
from agentserver_mcp.exchange import exchange_of
from agentserver_mcp.models import ServerInventory
from config import registry as registries
from config.specs import McpServerSpec
from runs.tools.schema import InvalidSchema, problems

logger = logging.getLogger(__name__)

TEND_SECONDS = 10.0
_tending: dict[Pool, asyncio.Task[None]] = {}


class ExternalCatalogue(Catalogue):
    """Reads the database for lists; connects only for what has to be asked. For `DIRECT_SCOPE`."""

    def __init__(self, server_id: str) -> None:
        self.id = server_id

    async def tools(self, ctx: Context) -> list[types.Tool]:
        return [types.Tool.model_validate(each) for each in (await self._tools(ctx)).values()]

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> ToolResult:
        tool = (await self._tools(ctx)).get(params.name)
        if tool is None:
            raise unknown_tool(params.name)
        wrong = unfit(_problems(tool["inputSchema"], params.arguments or {}))
        if wrong is not None:
            return wrong
        pool, spec = await self._place(ctx)
        try:
            result = await self._called(pool, spec, params)
        except FAILURES as error:
            return tool_error(failure_text(error, spec))
        return _discreet(result, spec) if result.is_error else result

    async def resources(self, ctx: Context) -> list[types.Resource]:
        listed = (await self._inventory(ctx)).resources
        return [types.Resource.model_validate(each) for each in listed]

    async def templates(self, ctx: Context) -> list[types.ResourceTemplate]:
        listed = (await self._inventory(ctx)).templates
        return [types.ResourceTemplate.model_validate(each) for each in listed]

    async def read(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        inventory = await self._inventory(ctx)
        known = {each.get("uri") for each in inventory.resources}
        if str(params.uri) not in known and not inventory.templates:
            raise unknown_resource(str(params.uri))
        uri = str(params.uri)
        result: types.ReadResourceResult = await self._asked(
            ctx, lambda client: client.read_resource(uri)
        )
        return result

    async def prompts(self, ctx: Context) -> list[types.Prompt]:
        listed = (await self._inventory(ctx)).prompts
        return [types.Prompt.model_validate(each) for each in listed]

    async def prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        if params.name not in {each["name"] for each in (await self._inventory(ctx)).prompts}:
            raise unknown_prompt(params.name)
        result: types.GetPromptResult = await self._asked(
            ctx, lambda client: client.get_prompt(params.name, params.arguments)
        )
        return result

    # --- what is known of it ----------------------------------------------------------------------
    async def _known(self, ctx: Context) -> Known:
        """Everything begins with it, so that nobody gets around the rules of the agents."""
        exchange = exchange_of(ctx)
        if not exchange.principal.has(DIRECT_SCOPE):
            raise forbidden()
        return await exchange.database(known_server, self.id)

    async def _inventory(self, ctx: Context) -> ServerInventory:
        return (await self._known(ctx)).inventory

    async def _tools(self, ctx: Context) -> dict[str, Any]:
        """Those a caller may call by hand: what needs an approval is for agents."""
        known = await self._known(ctx)
        return {
            tool["name"]: {**tool, "description": tool.get("description") or tool["name"]}
            for tool in known.inventory.tools
            if is_offered(known.spec, tool["name"])
            and not waits_for_approval(known.spec, tool["name"])
        }

    # --- asking it --------------------------------------------------------------------------------
    async def _called(
        self, pool: Pool, spec: McpServerSpec, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Once more on a new connection, if the server has surely not accepted the first."""
        try:
            connection = await pool.connection(spec)
            return await connection.call_tool(params.name, params.arguments or {}, None)
        except ConnectionLost as lost:
            pool.note(self.id)
            if not lost.refused:
                raise
        connection = await pool.connection(spec)
        return await connection.call_tool(params.name, params.arguments or {}, None)

    async def _asked(self, ctx: Context, ask: Callable[[Client], Awaitable[Any]]) -> Any:
        pool, spec = await self._place(ctx)
        try:
            client = await (await pool.connection(spec)).client()
            async with asyncio.timeout(spec.timeout_secs):
                return await ask(client)
        except MCPError as error:
            raise MCPError(error.code, without_secrets(error.message, spec)) from None
        except (*FAILURES, TimeoutError) as error:
            text = f"the MCP server '{self.id}' failed: {described(error, spec)}"
            raise MCPError(INTERNAL_ERROR, text) from None

    async def _place(self, ctx: Context) -> tuple[Pool, McpServerSpec]:
        """The pool of the background loop, which is tended while it holds connections."""
        registry = await exchange_of(ctx).database(registries.current)
        pool = pool_here()
        try:
            spec = pool.spec_for(registry, self.id)
        except ApiError as error:
            raise MCPError(INTERNAL_ERROR, error.message) from None
        if pool not in _tending:
            _tending[pool] = asyncio.create_task(_tend(pool))
        return pool, spec


def _discreet(failure: types.CallToolResult, spec: McpServerSpec) -> types.CallToolResult:
    """Errors like to repeat what they were given; as in a run, the document's secrets go."""
    texts = [block.text for block in failure.content if isinstance(block, types.TextContent)]
    return tool_error(without_secrets("\n".join(texts), spec) or "the tool failed")


def _problems(schema: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    try:
        return problems(schema, arguments, trusted=False)
    except InvalidSchema:
        return []  # the server's own to check


async def _tend(pool: Pool) -> None:
    """A process that only serves has no companion that closes what is idle."""
    try:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            try:
                registry = await in_database(registries.current)
                pool.tend(registry, await in_database(store.restarts))
            except Exception:
                logger.warning("connections to MCP servers were not tended", exc_info=True)
            if not pool.holds_any:
                return
    finally:
        _tending.pop(pool, None)
