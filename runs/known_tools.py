"""The tools of this process, told to the configuration for capabilities and diagnostics."""

from collections.abc import Iterator

from config import known_tools
from config.known_tools import KnownTool
from config.registry import Registry
from runs.tools import Tool
from runs.tools.registry import all_tools
from runs.tools.source import sourced_tools

_MCP = "mcp__"


def register() -> None:
    known_tools.register_lister(list_tools)


def list_tools(registry: Registry) -> Iterator[KnownTool]:
    """Tools of code, then those that any agent gets from a source; names may repeat.

    Tools that a request brings along and delegates belong to a run and an agent: not listed.
    """
    for tool in all_tools():
        yield _known(tool)
    # Without any agent, what one would get.
    for agent_id in registry.agents or [""]:
        for tool in sourced_tools(registry=registry, agent_id=agent_id):
            yield _known(tool)


def _known(tool: Tool) -> KnownTool:
    return KnownTool(
        id=tool.name,
        name=str(tool.metadata.get("title") or _short(tool.name)),
        description=tool.description,
        source=tool.source,
    )


def _short(name: str) -> str:
    """``mcp__server__ping`` is ``ping`` to people."""
    parts = name.split("__", 2)
    return parts[2] if name.startswith(_MCP) and len(parts) == 3 and parts[2] else name
