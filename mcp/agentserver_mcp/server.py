"""The SDK's low-level server over a catalogue; made once per process, when it is first asked."""

from functools import lru_cache
from typing import Any

from mcp import types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import ListenHandler

import agentserver
from agentserver.core.api.docs_settings import TITLE
from agentserver_mcp.bus import LiveBus
from agentserver_mcp.catalogue import Catalogue, Context
from agentserver_mcp.exchange import exchange_of
from agentserver_mcp.sealing import sealed_state
from agentserver_mcp.sessions import set_log_level

LISTENERS = 4096
# Lists are those of the moment of the request, and what a caller sees may be theirs alone.
NEVER_CACHED = CacheHint(ttl_ms=0, scope="private")
CACHED_METHODS: Any = (
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "server/discover",
)

Kernel = Server[Any]


@lru_cache(maxsize=256)
def kernel_of(catalogue: Catalogue) -> Kernel:
    """The server that answers from this catalogue."""
    handlers = _Handlers(catalogue)
    server: Kernel = Server(
        TITLE,
        version=agentserver.__version__,
        cache_hints=dict.fromkeys(CACHED_METHODS, NEVER_CACHED),
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_subscribe_resource=_accepted,
        on_unsubscribe_resource=_accepted,
        on_subscriptions_listen=handlers.listen,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
        on_completion=handlers.complete,
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _set_level)
    # The SDK's own middleware is tracing; requests are measured by the product's.
    server.middleware = [sealed_state()]
    return server


async def _accepted(ctx: Context, params: Any) -> types.EmptyResult:
    """Subscriptions of the handshake era: updates would need the stream we do not have (GET)."""
    return types.EmptyResult()


async def _set_level(ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
    exchange = exchange_of(ctx)
    if exchange.session is not None:
        await exchange.database(_store_level, exchange.session, params.level)
    return types.EmptyResult()


def _store_level(session: Any, level: str) -> None:
    set_log_level(session=session, level=level)


class _Handlers:
    """The catalogue in the shapes of the protocol."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._bus = LiveBus(catalogue.id)
        self._listen = ListenHandler(self._bus, max_subscriptions=LISTENERS)

    async def list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=await self._catalogue.tools(ctx))

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        return await self._catalogue.call(ctx, params)

    async def list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=await self._catalogue.resources(ctx))

    async def list_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        found = await self._catalogue.templates(ctx)
        return types.ListResourceTemplatesResult(resource_templates=found)

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult | types.InputRequiredResult:
        return await self._catalogue.read(ctx, params)

    async def list_prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=await self._catalogue.prompts(ctx))

    async def get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        return await self._catalogue.prompt(ctx, params)

    async def complete(
        self, ctx: Context, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        return types.CompleteResult(completion=await self._catalogue.complete(ctx, params))

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        async with self._bus.connected():
            return await self._listen(ctx, params)
