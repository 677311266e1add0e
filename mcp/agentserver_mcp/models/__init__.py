from agentserver_mcp.models.catalog import DiscoveryLease, ServerCatalog, ServerInventory
from agentserver_mcp.models.sessions import McpCall, McpQuestion, McpSession

__all__ = [
    "DiscoveryLease",
    "McpCall",
    "McpQuestion",
    "McpSession",
    "ServerCatalog",
    "ServerInventory",
]
