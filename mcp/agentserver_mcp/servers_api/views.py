"""What became of the configured MCP servers, and starting over with one."""

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView
from agentserver_mcp.client.lookup import known_server, restart_server
from agentserver_mcp.servers_api.wire import (
    RestartAccepted,
    ServerInventoryBody,
    ServerStatus,
    inventory_of,
    status_of,
)


class ServersView(ApiView):
    tag = "mcp-servers"


class StatusView(ServersView):
    @operation(
        "Get an MCP server's state", scope="config", answers={200: ServerStatus}, errors=(404,)
    )
    def get(self, request: Request, server_id: str) -> HttpResponse:
        """Read from the database: nothing is connected for it."""
        return json_answer(status_of(known_server(server_id)))


class InventoryView(ServersView):
    @operation(
        "List what an MCP server offers",
        scope="config",
        answers={200: ServerInventoryBody},
        errors=(404,),
    )
    def get(self, request: Request, server_id: str) -> HttpResponse:
        """Tools with their schemas, prompts and resources, as discovery last saw them. The tools
        of the document's deny list are among them, though no agent is offered those."""
        return json_answer(inventory_of(known_server(server_id)))


class RestartView(ServersView):
    @operation(
        "Restart an MCP server's connections",
        scope="config",
        answers={202: RestartAccepted},
        errors=(404,),
    )
    def post(self, request: Request, server_id: str) -> HttpResponse:
        """Every worker gives its connection up, with it the server's process if it has one, and
        discovery begins anew, also for a server it had given up. Takes effect within seconds."""
        restart_server(server_id)
        return json_answer(RestartAccepted(id=server_id, status="asked"), status=202)
