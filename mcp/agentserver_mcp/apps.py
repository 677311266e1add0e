from django.apps import AppConfig


class McpConfig(AppConfig):
    name = "agentserver_mcp"
    label = "mcp"
    verbose_name = "Model Context Protocol"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: they need the models of this app. Neither loads the SDK.
        from agentserver_mcp.client.discovery import discover
        from agentserver_mcp.client.source import TOOLS
        from agentserver_mcp.listing import OWN_ID
        from config.namespaces import MCP_SERVERS
        from config.reserved import reserve
        from runs.engine.companions import register_companion
        from runs.tools.source import register_source

        # Words that stand in addresses below /api/mcp where the id of a server may stand.
        reserve(MCP_SERVERS, ("servers", "v0", OWN_ID))
        register_source(TOOLS)
        register_companion("MCP discovery", discover)
