"""One model per namespace over the same table, so that each has a menu entry and permissions."""

from config.models import Entry


class Agent(Entry):
    class Meta:
        proxy = True
        verbose_name = "agent"


class ModelBinding(Entry):
    class Meta:
        proxy = True
        verbose_name = "model"


class Provider(Entry):
    class Meta:
        proxy = True
        verbose_name = "provider"


class McpServer(Entry):
    class Meta:
        proxy = True
        verbose_name = "MCP server"
