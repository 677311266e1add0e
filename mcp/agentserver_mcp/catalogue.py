"""What one MCP server of ours offers: the seam between the protocol and where things come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

Context = ServerRequestContext[Any, Any]
"""``ctx.request`` is the `Exchange`."""
FORBIDDEN = -32003
"""The caller's key does not reach so far; one of the codes that are left to implementations."""
DIRECT_SCOPE = "config"
"""Calling tools past the rules of every agent: whoever may write agents can do so anyway."""
INVALID_ARGUMENTS = {"agentserver/error": "invalid_arguments"}
WAITING = {"agentserver/error": "waiting"}
"""Marks in a result's ``_meta`` of why a call failed."""
JSON_TEXT = "agentserver/json"
"""Mark of a result whose text is the JSON of what the tool returned."""
ToolResult = types.CallToolResult | types.InputRequiredResult


def unknown_tool(name: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Unknown tool: {name}")


def unknown_prompt(name: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Unknown prompt: {name}")


def unknown_resource(uri: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"Resource not found: {uri}", {"uri": uri})


def forbidden() -> MCPError:
    text = f"only agents may do this for you: without one it needs the scope {DIRECT_SCOPE!r}"
    return MCPError(FORBIDDEN, text)


def tool_error(text: str, meta: dict[str, Any] | None = None) -> types.CallToolResult:
    """A failure that the model reads, not one of the protocol."""
    content = types.TextContent(type="text", text=text)
    return types.CallToolResult(content=[content], is_error=True, _meta=meta)


def unfit(problems: Sequence[str]) -> types.CallToolResult | None:
    """The failure that names what is wrong with the arguments; None when they fit."""
    text = "Invalid arguments: " + "; ".join(problems)
    return tool_error(text, INVALID_ARGUMENTS) if problems else None


class Catalogue(ABC):
    """Everything is asked anew for each request, so nothing is frozen in a session.

    Methods raise `MCPError` for what they do not have.
    """

    id: str

    def mirrored_schema(self, name: str) -> Mapping[str, Any] | None:
        """The input schema of a tool that wants arguments repeated in headers, else None."""
        return None

    @abstractmethod
    async def tools(self, ctx: Context) -> list[types.Tool]: ...

    @abstractmethod
    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> ToolResult: ...

    async def resources(self, ctx: Context) -> list[types.Resource]:
        return []

    async def templates(self, ctx: Context) -> list[types.ResourceTemplate]:
        return []

    async def read(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult | types.InputRequiredResult:
        raise unknown_resource(params.uri)

    async def prompts(self, ctx: Context) -> list[types.Prompt]:
        return []

    async def prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        raise unknown_prompt(params.name)

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.Completion:
        return types.Completion(values=[])
