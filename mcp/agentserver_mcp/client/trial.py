"""Trying a tool without an agent: one connection, one call, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from agentserver.core import loops
from agentserver.core.database import release_database
from agentserver.core.errors import ApiError
from agentserver_mcp.client.failures import described, without_secrets
from agentserver_mcp.client.loading import loaded
from config import registry as registries
from config.specs import McpServerSpec

# Ending the process of a server may take this long.
_CLOSING_SECONDS = 10.0


@dataclass(frozen=True)
class Trial:
    """`result` is a ``CallToolResult`` in its wire form, None when there is only an `error`."""

    seconds: float
    result: dict[str, Any] | None = None
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.result is None or bool(self.result.get("isError"))


def try_tool(server_id: str, tool_name: str, arguments: Mapping[str, Any]) -> Trial:
    """Blocks until the server has answered or its time is over. It cannot ask anybody anything."""
    began = monotonic()
    try:
        spec = registries.current().mcp_server_with_secrets(server_id)
    except ApiError as error:
        return Trial(0, error=error.message)
    release_database()
    limit = 2 * spec.timeout_secs + _CLOSING_SECONDS
    try:
        result = loops.run_sync(_called(spec, tool_name, arguments), limit)
    except Exception as error:
        # A person wants to know what it was, whatever it was.
        return Trial(monotonic() - began, error=described(error, spec))
    return Trial(monotonic() - began, result=result)


async def _called(
    spec: McpServerSpec, tool_name: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    opening = await loaded("agentserver_mcp.client.opening")
    async with opening.opened(spec, opening.Hooks(on_end=_nobody)) as client:
        result = await client.call_tool(tool_name, dict(arguments))
        found: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return _discreet(found, spec) if result.is_error else found


def _discreet(failure: dict[str, Any], spec: McpServerSpec) -> dict[str, Any]:
    """Errors like to repeat what they were given: without the document's secrets."""
    for block in failure["content"]:
        if block["type"] == "text":
            block["text"] = without_secrets(block["text"], spec)
    return failure


def _nobody() -> None:
    """Nobody waits for the end of the connection: the call hears of it itself."""
