"""The MCP servers of this installation by their ids: our own, and those that are configured."""

from functools import lru_cache

from agentserver.core.errors import NotFound
from agentserver_mcp.catalogue import Catalogue
from agentserver_mcp.external import ExternalCatalogue
from agentserver_mcp.installed import InstalledCatalogue
from agentserver_mcp.listing import OWN_ID
from agentserver_mcp.own import OwnCatalogue
from config import registry as registries


@lru_cache(maxsize=1)
def own_catalogue() -> Catalogue:
    """That of ``/v1/mcp``."""
    return OwnCatalogue()


def catalogue_of(server_id: str) -> Catalogue:
    """The one under ``/api/mcp/<server_id>``. Raises `NotFound`."""
    if server_id != OWN_ID and server_id not in registries.current().mcp_servers:
        raise NotFound(f"MCP server '{server_id}' not found")
    return _made(server_id)


@lru_cache(maxsize=256)
def _made(server_id: str) -> Catalogue:
    if server_id == OWN_ID:
        return InstalledCatalogue(OWN_ID)
    return ExternalCatalogue(server_id)
