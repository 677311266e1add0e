"""Tools that a request brings along: the model may call them, the caller runs them."""

import re
from typing import Any

from agentserver.core.errors import BadRequest
from runs.tools.definition import NO_PARAMETERS, Tool
from runs.tools.schema import InvalidSchema, checked_schema

MAX_TOOLS = 128
MAX_DESCRIPTION = 16 * 1024
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def frontend_tools(definitions: object) -> list[Tool]:
    """Client-side tools of ``[{name, description?, parameters?}]``; other members are ignored.

    Raises `BadRequest` naming the entry: bad or repeated name, a schema that is no object schema,
    is too large (64 KiB), or refers to another document; more than 128 tools.
    """
    if definitions is None:
        return []
    if not isinstance(definitions, list):
        raise BadRequest("tools must be a list")
    if len(definitions) > MAX_TOOLS:
        raise BadRequest(f"at most {MAX_TOOLS} tools may be sent, not {len(definitions)}")
    tools = [_tool(index, definition) for index, definition in enumerate(definitions)]
    _refuse_repeated(tools)
    return tools


def _tool(index: int, definition: object) -> Tool:
    where = f"tools[{index}]"
    if not isinstance(definition, dict):
        raise BadRequest(f"{where}: must be an object with a name")
    return Tool(
        name=_name(where, definition.get("name")),
        description=_description(where, definition.get("description")),
        parameters=_parameters(where, definition.get("parameters")),
        source="frontend",
        client_side=True,
        timeout_seconds=None,
    )


def _name(where: str, name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadRequest(f"{where}.name: 1 to 128 letters, digits, '_', '-' and '.'")
    return name


def _description(where: str, description: object) -> str:
    if description is None:
        return ""
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION:
        raise BadRequest(f"{where}.description: text of at most {MAX_DESCRIPTION} characters")
    return description


def _parameters(where: str, parameters: object) -> dict[str, Any]:
    if parameters is None or parameters == {}:
        return dict(NO_PARAMETERS)
    try:
        schema = checked_schema(parameters, trusted=False)
    except InvalidSchema as error:
        raise BadRequest(f"{where}.parameters: {error}") from None
    if schema.get("type", "object") != "object":
        raise BadRequest(f"{where}.parameters: must describe an object")
    return {**schema, "type": "object"}


def _refuse_repeated(tools: list[Tool]) -> None:
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise BadRequest(f"tools: {tool.name!r} is given twice")
        seen.add(tool.name)
