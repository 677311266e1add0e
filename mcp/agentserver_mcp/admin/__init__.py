from agentserver_mcp.admin.servers import ServerCatalogAdmin

__all__ = ["ServerCatalogAdmin"]
