"""Tools with content of every kind, failures, log messages and progress."""

import asyncio
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import MISSING_REQUIRED_CLIENT_CAPABILITY

from agentserver_mcp.plugins import announce_list_change, tool
from tests.mcp_fixtures.samples import PNG, WAV

PAUSE = 0.05


def text(said: str) -> types.TextContent:
    return types.TextContent(type="text", text=said)


def result(*content: Any, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=list(content), is_error=is_error)


def image() -> types.ImageContent:
    return types.ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, said: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=mime_type, text=said)
    return types.EmbeddedResource(type="resource", resource=contents)


@tool("test_simple_text", description="One block of text.")
async def simple_text(ctx: Any, params: Any) -> types.CallToolResult:
    return result(text("This is a simple text response for testing."))


@tool("test_image_content", description="A picture.")
async def image_content(ctx: Any, params: Any) -> types.CallToolResult:
    return result(image())


@tool("test_audio_content", description="A sound.")
async def audio_content(ctx: Any, params: Any) -> types.CallToolResult:
    return result(types.AudioContent(type="audio", data=WAV, mime_type="audio/wav"))


@tool("test_embedded_resource", description="A resource inside the result.")
async def embedded_resource(ctx: Any, params: Any) -> types.CallToolResult:
    return result(embedded("test://embedded-resource", "This is an embedded resource content."))


@tool("test_multiple_content_types", description="Text, picture and resource.")
async def multiple_content_types(ctx: Any, params: Any) -> types.CallToolResult:
    data = embedded("test://mixed-content-resource", '{"test":"data"}', "application/json")
    return result(text("Multiple content types test:"), image(), data)


@tool("test_error_handling", description="Fails.")
async def error_handling(ctx: Any, params: Any) -> types.CallToolResult:
    return result(text("This tool intentionally returns an error for testing"), is_error=True)


@tool("test_tool_with_logging", description="Logs three messages.")
async def with_logging(ctx: Any, params: Any) -> types.CallToolResult:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.request.log("info", said, "fixtures")
        await asyncio.sleep(PAUSE)
    return result(text("Tool with logging executed successfully"))


@tool("test_logging_tool", description="Logs a message.")
async def logging_tool(ctx: Any, params: Any) -> types.CallToolResult:
    await ctx.request.log("info", "Something to log", "fixtures")
    return result(text("Logged"))


@tool("test_tool_with_progress", description="Reports progress.")
async def with_progress(ctx: Any, params: Any) -> types.CallToolResult:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(PAUSE)
    return result(text("Tool with progress executed successfully"))


@tool("test_missing_capability", description="Needs a client that can sample.")
async def missing_capability(ctx: Any, params: Any) -> types.CallToolResult:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            "This tool needs the client capability sampling",
            {"requiredCapabilities": {"sampling": {}}},
        )
    return result(text("The client can sample"))


@tool("test_trigger_tool_change", description="Says that the list of tools changed.")
async def trigger_tool_change(ctx: Any, params: Any) -> types.CallToolResult:
    announce_list_change("tools")
    return result(text("Announced"))


@tool("test_trigger_prompt_change", description="Says that the list of prompts changed.")
async def trigger_prompt_change(ctx: Any, params: Any) -> types.CallToolResult:
    announce_list_change("prompts")
    return result(text("Announced"))


@tool(
    "json_schema_2020_12_tool",
    description="Has an input schema with many keywords.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
)
async def json_schema(ctx: Any, params: Any) -> types.CallToolResult:
    return result(text(f"JSON Schema 2020-12 tool called with: {params.arguments}"))


@tool(
    "test_x_mcp_header",
    description="Wants an argument repeated in a header.",
    input_schema={
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    },
)
async def x_mcp_header(ctx: Any, params: Any) -> types.CallToolResult:
    return result(text(f"region: {(params.arguments or {}).get('region')}"))
