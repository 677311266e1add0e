"""What a server offers, asked page by page, in the form in which it is stored."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentserver.core.exact_json import dumps
from agentserver_mcp.client.names import tool_id

if TYPE_CHECKING:
    from mcp import Client

MOST_PAGES = 100
MOST_ITEMS = 1000
MAX_BYTES = 4 * 1024 * 1024
MAX_DESCRIPTION = 8192

Entry = dict[str, Any]


class InventoryTooLarge(Exception):
    """The server offers more than can be kept."""


@dataclass
class Inventory:
    """`problems`: why something the server lists is not offered."""

    tools: list[Entry] = field(default_factory=list)
    prompts: list[Entry] = field(default_factory=list)
    resources: list[Entry] = field(default_factory=list)
    templates: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    protocol_version: str = ""

    def mark(self) -> str:
        """Equal for equal content."""
        return _mark([self.tools, self.prompts, self.resources, self.templates])


async def read_inventory(client: "Client", server_id: str) -> Inventory:
    """Asks for whatever kinds of things the server declares. Raises what the SDK raises, and
    `InventoryTooLarge`."""
    can = client.server_capabilities
    found = Inventory(protocol_version=client.protocol_version)
    if can.tools:
        listed = await _all(client.list_tools, "tools")
        found.tools, found.problems = _named(listed, server_id)
    if can.prompts:
        found.prompts = await _all(client.list_prompts, "prompts")
    if can.resources:
        found.resources = await _all(client.list_resources, "resources")
        found.templates = await _all(client.list_resource_templates, "resource_templates")
    parts = [found.tools, found.prompts, found.resources, found.templates]
    if len(dumps(parts).encode()) > MAX_BYTES:
        raise InventoryTooLarge(f"its lists have more than {MAX_BYTES} bytes")
    return found


async def _all(ask: Callable[..., Awaitable[Any]], member: str) -> list[Entry]:
    found: list[Entry] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await ask(cursor=cursor)
        found += [
            item.model_dump(by_alias=True, mode="json", exclude_none=True)
            for item in getattr(page, member)
        ]
        if len(found) > MOST_ITEMS:
            raise InventoryTooLarge(f"it lists more than {MOST_ITEMS} {member}")
        if not page.next_cursor or page.next_cursor == cursor:
            return found
        cursor = page.next_cursor
    raise InventoryTooLarge(f"its list of {member} has more than {MOST_PAGES} pages")


def _named(listed: list[Entry], server_id: str) -> tuple[list[Entry], list[str]]:
    """Tools with the ids that models call. Of two with one id the first stays."""
    found: dict[str, Entry] = {}
    problems = []
    for tool in listed:
        name, chosen = tool["name"], tool_id(server_id, tool["name"])
        if chosen is None:
            problems.append(f"tool {name!r}: its name has no letter or digit")
        elif chosen in found:
            problems.append(f"tool {name!r}: {found[chosen]['name']!r} is called {chosen} already")
        else:
            text = str(tool.get("description", ""))[:MAX_DESCRIPTION]
            entry = {**tool, "id": chosen, "description": text}
            found[chosen] = {**entry, "hash": _mark(tool.get("inputSchema"))}
    return list(found.values()), problems


def _mark(value: Any) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()
