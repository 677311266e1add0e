"""What ``/api/mcp/agentserver`` offers: all of ``/v1/mcp``, and the tools of this installation."""

from typing import Any

from mcp import types

from agentserver.core.database import in_database
from agentserver.core.ids import new_id
from agentserver_mcp.catalogue import (
    DIRECT_SCOPE,
    INVALID_ARGUMENTS,
    JSON_TEXT,
    Context,
    ToolResult,
    forbidden,
    tool_error,
)
from agentserver_mcp.exchange import Exchange, exchange_of
from agentserver_mcp.own import OwnCatalogue
from runs.tools import Tool, ToolContext
from runs.tools import registry as tools_of_code
from runs.tools.invoke import invoke, invoke_transactional
from runs.tools.result import Outcome

ASK = "ask_"
"""Mastra's clients call an agent by this and its name."""


class InstalledCatalogue(OwnCatalogue):
    """Tools of code are called without the rules of an agent: that takes the scope ``config``. One
    that needs somebody's approval is for agents only, as here nobody could be asked."""

    async def tools(self, ctx: Context) -> list[types.Tool]:
        listed = await super().tools(ctx)
        if not exchange_of(ctx).principal.has(DIRECT_SCOPE):
            return listed
        taken = {tool.name for tool in listed}
        return [*listed, *(_listed(tool) for tool in _callable() if tool.name not in taken)]

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> ToolResult:
        exchange = exchange_of(ctx)
        named = await exchange.database(self.agents)
        tool = next((each for each in _callable() if each.name == params.name), None)
        if tool is not None and not self.has_plugin(params.name) and params.name not in named:
            if not exchange.principal.has(DIRECT_SCOPE):
                raise forbidden()
            return _result(await _run(tool, params.arguments or {}, exchange))
        agent_name = params.name.removeprefix(ASK)
        if params.name not in named and agent_name in named:
            params = params.model_copy(update={"name": agent_name})
        return await super().call(ctx, params)


def _callable() -> list[Tool]:
    return [
        tool
        for tool in tools_of_code.all_tools()
        if not (tool.client_side or tool.needs_approval) and len(tool.name) <= 64
    ]


def _listed(tool: Tool) -> types.Tool:
    schema = {**tool.parameters, "type": "object"}
    return types.Tool(
        name=tool.name, description=tool.description or tool.name, input_schema=schema
    )


async def _run(tool: Tool, arguments: dict[str, Any], exchange: Exchange) -> Outcome:
    """Outside of any run: nobody watches, and nobody answers questions."""
    context = ToolContext(
        run_id="",
        thread_id="",
        agent_id="",
        call_id=new_id(),
        tool_name=tool.name,
        emit=lambda _event: None,
        arguments=arguments,
        resource_id=exchange.principal.resource_id or "",
    )
    if tool.transactional:
        return await invoke_transactional(
            tool, arguments, context, lambda _outcome: None, run_sync=in_database
        )
    return await invoke(tool, arguments, context, run_sync=in_database)


def _result(outcome: Outcome) -> types.CallToolResult:
    if outcome.status == "suspended":
        return tool_error("the tool asks a question: let an agent call it")
    if outcome.status != "succeeded" or outcome.result is None:
        meta = INVALID_ARGUMENTS if outcome.reason == "invalid_arguments" else None
        return tool_error(outcome.text_for_model(), meta)
    data = outcome.result.data
    text = types.TextContent(type="text", text=outcome.text_for_model())
    structured = data if isinstance(data, dict) else None
    marks = {JSON_TEXT: True} if outcome.result.message is None else None
    return types.CallToolResult(content=[text], structured_content=structured, _meta=marks)
