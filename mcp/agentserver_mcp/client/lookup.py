"""Reading the catalogue, as configuration and discovery together tell it."""

from dataclasses import dataclass

from agentserver.core.errors import NotFound
from agentserver_mcp.client import store
from agentserver_mcp.client.identity import address_of
from agentserver_mcp.models import ServerCatalog, ServerInventory
from config import registry as registries
from config.specs import McpServerSpec


@dataclass(frozen=True)
class Known:
    """One configured server. `state` is a fresh row where discovery has not come to it yet."""

    spec: McpServerSpec
    state: ServerCatalog
    inventory: ServerInventory


def known_server(server_id: str) -> Known:
    """Raises `NotFound` for a server that is not configured."""
    spec = registries.current().mcp_servers.get(server_id)
    if spec is None:
        raise NotFound(f"mcp server not found: {server_id}")
    address = address_of(spec)
    row = (
        ServerCatalog.objects.filter(server_id=server_id, address=address)
        .select_related("inventory")
        .first()
    )
    if row is None:
        row = ServerCatalog(server_id=server_id, address=address, fingerprint="")
    inventory = getattr(row, "inventory", None) or ServerInventory(catalog_id=server_id)
    return Known(spec, row, inventory)


def restart_server(server_id: str) -> None:
    """Asks for it; the worker that looks after the servers does it within a second or two. Raises
    `NotFound`."""
    known_server(server_id)
    # Without a row discovery has not begun, and will begin with a new connection anyway.
    store.restart(server_id)
