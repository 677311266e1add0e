"""Mounted below ``v1/``."""

from django.urls import path

from agentserver_mcp.servers_api.views import InventoryView, RestartView, StatusView

_SERVER = "mcp-servers/<str:server_id>"

urlpatterns = [
    path(f"{_SERVER}/status", StatusView.as_view()),
    path(f"{_SERVER}/inventory", InventoryView.as_view()),
    path(f"{_SERVER}/restart", RestartView.as_view()),
]
