from django.urls import path

from agentserver_mcp.api.mastra import (
    ExecuteView,
    MessagesView,
    PostView,
    ReadView,
    ResourcesView,
    ServerDetailView,
    ServersView,
    SseView,
    ToolsView,
    ToolView,
    TransportView,
)

# The order counts: "servers" and "v0" are no ids of servers.
urlpatterns = [
    path("servers", ServersView.as_view()),
    path("servers/<str:server_id>/tools", ToolsView.as_view()),
    path("v0/servers", ServersView.as_view()),
    path("v0/servers/<str:server_id>", ServerDetailView.as_view()),
    path("<str:server_id>", PostView.as_view()),
    path("<str:server_id>/mcp", TransportView.as_view()),
    path("<str:server_id>/tools", ToolsView.as_view()),
    path("<str:server_id>/tools/<str:tool_id>", ToolView.as_view()),
    path("<str:server_id>/tools/<str:tool_id>/execute", ExecuteView.as_view()),
    path("<str:server_id>/resources", ResourcesView.as_view()),
    path("<str:server_id>/resources/read", ReadView.as_view()),
    path("<str:server_id>/sse", SseView.as_view()),
    path("<str:server_id>/messages", MessagesView.as_view()),
]
