"""What this installation offers at ``/v1/mcp``: its agents, and what plugins registered."""

from collections.abc import Mapping
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from agentserver_mcp import offers
from agentserver_mcp.catalogue import (
    Catalogue,
    Context,
    ToolResult,
    unfit,
    unknown_prompt,
    unknown_resource,
    unknown_tool,
)
from agentserver_mcp.exchange import exchange_of
from agentserver_mcp.plugins import Registered, pattern_of, plugins
from agentserver_mcp.turns import ask_agent
from config.specs import AgentSpec
from runs.tools.schema import problems

OPEN_WORLD = types.ToolAnnotations(open_world_hint=True)
HEADER_MARK = "x-mcp-header"


class OwnCatalogue(Catalogue):
    """Agents of the live configuration under their ids; a plugin's tool goes before an agent."""

    def __init__(self, server_id: str = "") -> None:
        self.id = server_id

    def mirrored_schema(self, name: str) -> Mapping[str, Any] | None:
        registered = plugins().tools.get(name)
        schema: Mapping[str, Any] = registered.about["input_schema"] if registered else {}
        return schema if HEADER_MARK in str(schema) else None

    # --- tools ------------------------------------------------------------------------------------
    async def tools(self, ctx: Context) -> list[types.Tool]:
        named = await exchange_of(ctx).database(self.agents)
        own = [types.Tool(**each.about) for each in plugins().tools.values()]
        return [*(_tool(name, agent) for name, agent in named.items()), *own]

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> ToolResult:
        registered = plugins().tools.get(params.name)
        if registered is not None:
            return await _plugin_tool(ctx, params, registered)
        named = await exchange_of(ctx).database(self.agents)
        agent = named.get(params.name)
        if agent is None:
            raise unknown_tool(params.name)
        found = unfit(problems(offers.INPUT_SCHEMA, params.arguments or {}))
        return found or await ask_agent(ctx, params, agent.id)

    def has_plugin(self, name: str) -> bool:
        """Whether a plugin registered a tool of this name."""
        return name in plugins().tools

    def agents(self) -> dict[str, AgentSpec]:
        """The agents by the names of their tools. May read the database."""
        return offers.by_tool_name(offers.agents(), taken=plugins().tools)

    # --- resources --------------------------------------------------------------------------------
    async def resources(self, ctx: Context) -> list[types.Resource]:
        return [types.Resource(**each.about) for each in plugins().resources.values()]

    async def templates(self, ctx: Context) -> list[types.ResourceTemplate]:
        return [types.ResourceTemplate(**each.about) for each in plugins().templates.values()]

    async def read(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult | types.InputRequiredResult:
        uri = str(params.uri)
        registered = plugins().resources.get(uri)
        if registered is not None:
            return await _read(registered, ctx, params)
        for template in plugins().templates.values():
            match = pattern_of(template.key).fullmatch(uri)
            if match:
                return await _read(template, ctx, params, match.groupdict())
        raise unknown_resource(uri)

    # --- prompts ----------------------------------------------------------------------------------
    async def prompts(self, ctx: Context) -> list[types.Prompt]:
        return [types.Prompt(**each.about) for each in plugins().prompts.values()]

    async def prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        registered = plugins().prompts.get(params.name)
        if registered is None:
            raise unknown_prompt(params.name)
        given = params.arguments or {}
        for argument in registered.about["arguments"]:
            if argument.get("required") and argument["name"] not in given:
                raise MCPError(INVALID_PARAMS, f"Missing argument: {argument['name']}")
        result: types.GetPromptResult = await registered.handler(ctx, params)
        return result

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.Completion:
        of = params.ref.name if isinstance(params.ref, types.PromptReference) else params.ref.uri
        registered = plugins().completions.get(of)
        if registered is None:
            return types.Completion(values=[])
        found: types.Completion = await registered.handler(ctx, params)
        return found


async def _read(
    registered: Registered, *arguments: Any
) -> types.ReadResourceResult | types.InputRequiredResult:
    result: types.ReadResourceResult = await registered.handler(*arguments)
    return result


def _tool(name: str, agent: AgentSpec) -> types.Tool:
    return types.Tool(
        name=name,
        description=offers.description_of(agent),
        input_schema=offers.INPUT_SCHEMA,
        annotations=OPEN_WORLD,
    )


async def _plugin_tool(
    ctx: Context, params: types.CallToolRequestParams, registered: Registered
) -> ToolResult:
    found = unfit(problems(registered.about["input_schema"], params.arguments or {}))
    if found:
        return found
    result: ToolResult = await registered.handler(ctx, params)
    return result
