"""Tools that ask the client while they work (handshake era)."""

from typing import Any

from mcp import types

from agentserver_mcp.plugins import tool
from tests.mcp_fixtures.content import result, text

Json = dict[str, Any]


def one_string(name: str) -> Json:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


async def elicited(ctx: Any, message: str, schema: Json) -> types.CallToolResult:
    asked = {"message": message, "requestedSchema": schema}
    answer = await ctx.request.send_raw_request("elicitation/create", asked)
    return result(text(f"Elicitation: action={answer['action']}, {answer.get('content')}"))


@tool("test_sampling", description="Asks the client's model.", input_schema=one_string("prompt"))
async def sampling(ctx: Any, params: Any) -> types.CallToolResult:
    said = {"type": "text", "text": params.arguments["prompt"]}
    asked = {"messages": [{"role": "user", "content": said}], "maxTokens": 100}
    answer = await ctx.request.send_raw_request("sampling/createMessage", asked)
    return result(text(f"LLM response: {answer['content'].get('text')}"))


@tool("test_elicitation", description="Asks the user.", input_schema=one_string("message"))
async def elicitation(ctx: Any, params: Any) -> types.CallToolResult:
    schema = {
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    }
    return await elicited(ctx, params.arguments["message"], schema)


@tool("test_elicitation_sep1034_defaults", description="Asks with defaults.")
async def defaults(ctx: Any, params: Any) -> types.CallToolResult:
    statuses = ["active", "inactive", "pending"]
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": statuses, "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
    }
    return await elicited(ctx, "Please review and update the form fields", schema)


@tool("test_elicitation_sep1330_enums", description="Asks with choices of every form.")
async def enums(ctx: Any, params: Any) -> types.CallToolResult:
    options = ["option1", "option2", "option3"]
    titled = [
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]
    names = ["Option One", "Option Two", "Option Three"]
    legacy = {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names}
    schema = {
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": legacy,
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
    }
    return await elicited(ctx, "Please select options", schema)
