"""The tools of MCP servers for the engine: read from the catalogue, never from the network."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from agentserver_mcp.client.identity import address_of
from agentserver_mcp.client.loading import loaded
from agentserver_mcp.models import ServerCatalog, ServerInventory
from config.matching import glob
from config.registry import Registry
from config.specs import McpServerSpec
from runs.tools import Tool, ToolContext
from runs.tools.result import ToolResult

# Connecting and calling have the limit of the document each, and a call may be made twice.
_SPARE_SECONDS = 5.0


class McpTools:
    """A `runs.tools.source.ToolSource`. Tools are made once per configuration and inventory."""

    name = "mcp"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inventories: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self._tools: dict[str, tuple[Registry, str, list[Tool]]] = {}

    def tools_for(self, *, registry: Registry, agent_id: str) -> Iterable[Tool]:
        """Of every server that discovery has reached at the address of this configuration.

        Every agent gets them; its own lists decide what it is offered.
        """
        if not registry.mcp_servers:
            return []
        marks = _marks(registry)
        with self._lock:
            self._load(marks)
            return [tool for server_id in sorted(marks) for tool in self._of(registry, server_id)]

    def _load(self, marks: Mapping[str, str]) -> None:
        stale = [
            server_id
            for server_id, mark in marks.items()
            if self._inventories.get(server_id, ("", []))[0] != mark
        ]
        rows = ServerInventory.objects.filter(catalog_id__in=stale) if stale else []
        for row in rows:
            self._inventories[row.pk] = (row.hash, row.tools)

    def _of(self, registry: Registry, server_id: str) -> list[Tool]:
        mark, entries = self._inventories.get(server_id, ("", []))
        made = self._tools.get(server_id)
        if made is None or made[0] is not registry or made[1] != mark:
            tools = list(_tools_of(registry, server_id, entries))
            made = self._tools[server_id] = (registry, mark, tools)
        return made[2]


# One for the process: an app registry that is filled twice registers the same source again.
TOOLS = McpTools()


def _marks(registry: Registry) -> dict[str, str]:
    """The inventory of each server whose catalogue is about the address it has here."""
    rows = ServerCatalog.objects.filter(server_id__in=registry.mcp_servers).exclude(
        inventory_hash=""
    )
    return {
        server_id: mark
        for server_id, address, mark in rows.values_list("server_id", "address", "inventory_hash")
        if address == address_of(registry.mcp_servers[server_id])
    }


def _tools_of(registry: Registry, server_id: str, entries: list[dict[str, Any]]) -> Iterator[Tool]:
    spec = registry.mcp_servers[server_id]
    for entry in entries:
        if not is_offered(spec, entry["name"]):
            continue
        yield Tool(
            name=entry["id"],
            description=entry["description"] or _title(entry),
            parameters=entry["inputSchema"],
            function=Caller(registry, server_id, entry["name"]),
            is_async=True,
            timeout_seconds=3.0 * spec.timeout_secs + _SPARE_SECONDS,
            needs_approval=waits_for_approval(spec, entry["name"]),
            source=f"mcp:{server_id}",
            metadata=_metadata(server_id, entry),
        )


def is_offered(spec: McpServerSpec, tool_name: str) -> bool:
    allow, deny = spec.tools.allow, spec.tools.deny
    return (allow is None or _fits(tool_name, allow)) and not _fits(tool_name, deny)


def waits_for_approval(spec: McpServerSpec, tool_name: str) -> bool:
    wanted = spec.tools.require_approval
    return wanted if isinstance(wanted, bool) else _fits(tool_name, wanted)


def _fits(name: str, patterns: list[str]) -> bool:
    return any(glob(pattern)(name) for pattern in patterns)


def _title(entry: dict[str, Any]) -> str:
    annotations = entry.get("annotations") or {}
    return str(entry.get("title") or annotations.get("title") or entry["name"])


def _metadata(server_id: str, entry: dict[str, Any]) -> dict[str, JsonValue]:
    return {"title": _title(entry), "mcp.server": server_id, "mcp.tool": entry["name"]}


@dataclass(frozen=True)
class Caller:
    """The function of a tool: remembers which server of which configuration it belongs to."""

    registry: Registry
    server_id: str
    tool_name: str

    async def __call__(self, context: ToolContext, arguments: dict[str, Any]) -> ToolResult:
        # The SDK is loaded where a tool is called, not where tools are listed.
        calls = await loaded("agentserver_mcp.client.calls")
        result: ToolResult = await calls.call_in_run(
            self.registry, self.server_id, self.tool_name, arguments, context
        )
        return result
