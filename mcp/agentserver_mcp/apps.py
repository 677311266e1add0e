from django.apps import AppConfig


class McpConfig(AppConfig):
    name = "agentserver_mcp"
    label = "mcp"
    verbose_name = "Model Context Protocol"
    default_auto_field = "django.db.models.BigAutoField"
