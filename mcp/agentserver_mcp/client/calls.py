"""Calling a tool of a server from a run. Imported with the first call: it loads the SDK."""

from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, REQUEST_TIMEOUT, CallToolResult
from pydantic import ValidationError

from agentserver.core.errors import ApiError
from agentserver_mcp.client.failures import (
    ConnectFailed,
    ConnectionLost,
    described,
    redacted,
    without_secrets,
)
from agentserver_mcp.client.pool import Pool, pool_here
from agentserver_mcp.client.results import tool_result
from config.registry import Registry
from config.specs import McpServerSpec
from runs.tools.context import ToolContext
from runs.tools.errors import ToolError
from runs.tools.result import ToolResult

_UNKNOWN_TOOL = ("unknown tool", "not found", "no such tool", "does not exist")


async def call_in_run(
    registry: Registry,
    server_id: str,
    tool_name: str,
    arguments: Mapping[str, Any],
    context: ToolContext,
) -> ToolResult:
    """What the model gets. Raises `ToolError` for every failure, of the server, the network or the
    configuration: the run goes on and the model reads why."""
    pool = pool_here()
    try:
        spec = pool.spec_for(registry, server_id)
    except ApiError as error:
        raise ToolError(error.message) from None
    result = await _called(pool, spec, tool_name, arguments, context)
    if result.is_error:
        _notice_unknown_tool(pool, server_id, " ".join(_texts(result)))
    wire = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    try:
        return tool_result(wire, server_id=server_id, tool_name=tool_name)
    except ToolError as error:
        raise ToolError(without_secrets(str(error), spec)) from None


async def _called(
    pool: Pool,
    spec: McpServerSpec,
    tool_name: str,
    arguments: Mapping[str, Any],
    context: ToolContext,
) -> CallToolResult:
    """Once more on a new connection, if the server has surely not accepted the first request."""
    try:
        return await _attempt(pool, spec, tool_name, arguments, context)
    except ConnectionLost as lost:
        pool.note(spec.id)
        if not lost.refused:
            raise ToolError(failure_text(lost, spec)) from None
    try:
        return await _attempt(pool, spec, tool_name, arguments, context)
    except ConnectionLost as lost:
        raise ToolError(failure_text(lost, spec)) from None


async def _attempt(
    pool: Pool,
    spec: McpServerSpec,
    tool_name: str,
    arguments: Mapping[str, Any],
    context: ToolContext,
) -> CallToolResult:
    try:
        connection = await pool.connection(spec)
        return await connection.call_tool(tool_name, arguments, context)
    except ConnectionLost:
        raise
    except FAILURES as error:
        _notice(pool, spec.id, error)
        raise ToolError(failure_text(error, spec)) from None


# The last two: a server that answers against the protocol, or against the schema it gave itself.
FAILURES = (ConnectFailed, ConnectionLost, MCPError, ValidationError, RuntimeError)


def failure_text(error: Exception, spec: McpServerSpec) -> str:
    """What became of a call, for whoever made it; without the server's secrets."""
    server = f"the MCP server '{spec.id}'"
    match error:
        case ConnectFailed():
            text = f"{server} cannot be reached: {error}"
        case ConnectionLost():
            certain = "" if error.refused else "; the call may have taken effect"
            text = f"the connection to {server} was lost ({error}){certain}"
        case MCPError() if error.error.code == REQUEST_TIMEOUT:
            text = f"{server} did not answer within {spec.timeout_secs} s"
        case MCPError():
            text = f"{server} refused: {error.error.message}"
        case _:
            text = f"{server}: {described(error, spec)}"
    return redacted(text, spec)


def _notice(pool: Pool, server_id: str, error: Exception) -> None:
    if isinstance(error, ConnectFailed):
        pool.note(server_id)
    elif isinstance(error, MCPError) and error.error.code in {INVALID_PARAMS, METHOD_NOT_FOUND}:
        _notice_unknown_tool(pool, server_id, error.error.message)


def _notice_unknown_tool(pool: Pool, server_id: str, text: str) -> None:
    """The list of tools is out of date: it is asked for anew."""
    lowered = text.lower()
    if "tool" in lowered and any(words in lowered for words in _UNKNOWN_TOOL):
        pool.note(server_id)


def _texts(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if block.type == "text"]
