from django.apps import AppConfig


class McpFixturesConfig(AppConfig):
    name = "tests.mcp_fixtures"
    label = "mcp_fixtures"
