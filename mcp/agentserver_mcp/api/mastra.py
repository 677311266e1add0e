"""``/api/mcp``: MCP servers as Mastra's clients see them. Errors are ``{"error": text}``."""

from typing import TYPE_CHECKING, Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.errors import MethodNotAllowed
from agentserver.core.api.operation import EventStream, Raw, Several, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import ApiError, NotFound
from agentserver_mcp.api import examples
from agentserver_mcp.api.errors import McpFailure
from agentserver_mcp.api.origins import check_origin
from agentserver_mcp.api.views import ALLOWED, McpView, end_session, read_message, serve
from agentserver_mcp.api.wire import (
    MastraFailure,
    McpExecuted,
    McpExecution,
    McpMessage,
    McpReply,
    McpResourceContents,
    McpResourceList,
    McpResourceRead,
    McpServerBody,
    McpServerList,
    McpServerListQuery,
    McpServerQuery,
    McpToolBody,
    McpToolList,
)
from agentserver_mcp.listing import OWN_ID, all_servers
from agentserver_mcp.sessions import find_session

if TYPE_CHECKING:
    from agentserver_mcp.catalogue import Catalogue

Json = dict[str, Any]


def mastra_error(error: ApiError, request: HttpRequest) -> HttpResponse:
    return json_answer({"error": error.message}, status=error.status, headers=error.headers)


class MastraMcpView(ApiView):
    tag = "mcp"
    error_dialect = staticmethod(mastra_error)
    error_model = MastraFailure

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_origin(request._request)
        super().initial(request, *args, **kwargs)


class ServersView(MastraMcpView):
    @operation("List the MCP servers", answers={200: McpServerList}, query=McpServerListQuery)
    def get(self, request: Request) -> HttpResponse:
        """This installation itself and the configured `mcp-servers`."""
        query = self.read_query(McpServerListQuery)
        servers = all_servers()
        start, end = query.window(len(servers))
        following = query.following(len(servers))
        link = f"/api/mcp/v0/servers?{following}" if following else None
        return json_answer(
            {"servers": servers[start:end], "total_count": len(servers), "next": link}
        )


class ServerDetailView(MastraMcpView):
    @operation("Look at an MCP server", answers={200: McpServerBody}, errors=(404,))
    def get(self, request: Request, server_id: str, query: McpServerQuery) -> HttpResponse:
        """`version` asks for that version only."""
        found = next((each for each in all_servers() if each["id"] == server_id), None)
        if found is None:
            raise NotFound(f"MCP server with ID '{server_id}' not found")
        if query.version and query.version != found["version_detail"]["version"]:
            raise NotFound(f"MCP server with ID '{server_id}' has no version '{query.version}'")
        return json_answer(found)


class ToolsView(MastraMcpView):
    @operation("List the tools of an MCP server", answers={200: McpToolList}, errors=(404,))
    def get(self, request: Request, server_id: str) -> HttpResponse:
        return json_answer({"tools": _tools(request, server_id)})


class ToolView(MastraMcpView):
    @operation("Look at a tool of an MCP server", answers={200: McpToolBody}, errors=(404,))
    def get(self, request: Request, server_id: str, tool_id: str) -> HttpResponse:
        return json_answer(_tool(request, server_id, tool_id))


class ExecuteView(MastraMcpView):
    @operation(
        "Call a tool of an MCP server",
        answers={200: McpExecuted},
        errors=(404, 500),
        examples={"body": examples.EXECUTION, 200: examples.EXECUTED},
    )
    def post(
        self, request: Request, server_id: str, tool_id: str, body: McpExecution
    ) -> HttpResponse:
        """`data` holds the arguments. Arguments that do not fit are answered with 200 and
        `result.error`; a tool that fails with 500; an agent that waits for a person with
        `status: suspended`."""
        params = {"name": tool_id, "arguments": body.data}
        answered = _ask(
            request, server_id, "tools/call", params, missing=_no_tool(server_id, tool_id)
        )
        return _executed(server_id, answered)


class ResourcesView(MastraMcpView):
    @operation("List the resources of an MCP server", answers={200: McpResourceList}, errors=(404,))
    def get(self, request: Request, server_id: str) -> HttpResponse:
        found = _ask(request, server_id, "resources/list", {})
        return json_answer({"resources": found["resources"]})


class ReadView(MastraMcpView):
    @operation(
        "Read a resource of an MCP server",
        answers={200: McpResourceContents},
        errors=(404,),
        scope="read",
        examples={"body": examples.RESOURCE},
    )
    def post(self, request: Request, server_id: str, body: McpResourceRead) -> HttpResponse:
        missing = NotFound(f"Resource '{body.uri}' not found on MCP server '{server_id}'")
        found = _ask(request, server_id, "resources/read", {"uri": body.uri}, missing=missing)
        return json_answer({"contents": found["contents"]})


# --- transports -----------------------------------------------------------------------------------
class PostView(McpView):
    """Streamable HTTP of one server; unknown servers are told in Mastra's words."""

    @operation(
        "Send a message to an MCP server",
        answers={
            200: (McpReply, EventStream("As /v1/mcp", data=McpMessage)),
            202: None,
            404: McpFailure | MastraFailure,
        },
        errors=(406,),
        body=McpMessage,
        headers=("Mcp-Session-Id", "MCP-Protocol-Version"),
        examples={"body": Several(examples.MESSAGES)},
    )
    def post(self, request: Request, server_id: str) -> HttpResponseBase:
        """As `POST /v1/mcp`."""
        try:
            catalogue = _catalogue(server_id)
        except NotFound as error:
            return mastra_error(error, request._request)
        return serve(request, catalogue)


class TransportView(PostView):
    """The same with the other verbs of Streamable HTTP."""

    @operation(
        "Listen to an MCP server (not offered)",
        answers={405: McpFailure},
        scope="run",
        examples={405: examples.NO_STREAM},
    )
    def get(self, request: Request, server_id: str) -> HttpResponse:
        """Always 405: there is no stream beside those of requests."""
        raise MethodNotAllowed("There is no stream to listen to", headers={"Allow": ALLOWED})

    @operation(
        "End a session of an MCP server",
        answers={204: None},
        errors=(400, 404, 405),
        headers=("Mcp-Session-Id",),
    )
    def delete(self, request: Request, server_id: str) -> HttpResponse:
        """As `DELETE /v1/mcp`."""
        return end_session(request, server=server_id)


class SseView(MastraMcpView):
    @operation(
        "Open the event stream of an MCP server",
        answers={200: EventStream("`endpoint`, then every message", data=McpMessage)},
        errors=(404,),
        scope="run",
    )
    def get(self, request: Request, server_id: str) -> HttpResponseBase:
        """The transport of 2024-11-05. The first event names the address that messages are posted
        to; the end of the stream ends the session."""
        catalogue = _catalogue(server_id)
        from agentserver_mcp.legacy_sse import open_stream

        return open_stream(
            request._request,
            principal=principal_of(request),
            catalogue=catalogue,
            messages_path=request._request.path.removesuffix("sse") + "messages",
        )


class MessagesView(MastraMcpView):
    @operation(
        "Post a message to an event stream of an MCP server",
        answers={202: Raw("text/plain", "Accepted")},
        errors=(404,),
        body=McpMessage,
        examples={"body": Several(examples.POSTED)},
    )
    def post(self, request: Request, server_id: str) -> HttpResponse:
        """`sessionId` is part of the address that the stream named."""
        session = find_session(
            principal=principal_of(request),
            server=server_id,
            session_id=request._request.GET.get("sessionId", ""),
        )
        if session is None:
            raise NotFound("Session not found")
        raw = read_message(request._request)
        from agentserver_mcp.legacy_sse import pass_on

        pass_on(session, raw)
        return HttpResponse("Accepted", status=202, content_type="text/plain")


# --- asking a server ------------------------------------------------------------------------------
def _catalogue(server_id: str) -> "Catalogue":
    from agentserver_mcp.servers import catalogue_of

    return catalogue_of(server_id)


def _ask(
    request: Request, server_id: str, method: str, params: Json, *, missing: ApiError | None = None
) -> Json:
    """The result of a method; ``missing`` for the server's "there is no such thing"."""
    catalogue = _catalogue(server_id)
    from agentserver_mcp.direct import ask

    return ask(catalogue, principal_of(request), method, params, missing=missing)


def _tools(request: Request, server_id: str) -> list[Json]:
    found = _ask(request, server_id, "tools/list", {})["tools"]
    return [_described(each) for each in found]


def _described(tool: Json) -> Json:
    kept: Json = {name: tool[name] for name in ("outputSchema", "_meta") if name in tool}
    return {
        "id": tool["name"],
        "name": tool["name"],
        "description": tool.get("description") or tool["name"],
        "inputSchema": tool["inputSchema"],
        **kept,
    }


def _tool(request: Request, server_id: str, tool_id: str) -> Json:
    for tool in _tools(request, server_id):
        if tool["id"] == tool_id:
            return tool
    raise _no_tool(server_id, tool_id)


def _no_tool(server_id: str, tool_id: str) -> NotFound:
    return NotFound(f"Tool with ID '{tool_id}' not found on MCP server '{server_id}'")


def _executed(server_id: str, answered: Json) -> HttpResponse:
    text = "\n".join(each.get("text", "") for each in answered["content"])
    why = (answered.get("_meta") or {}).get("agentserver/error")
    if why == "waiting":
        waiting = {"message": text, **answered["_meta"]}
        return json_answer({"status": "suspended", "suspendPayload": waiting})
    if why == "invalid_arguments":
        return json_answer({"result": {"error": True, "message": text}})
    if answered.get("isError"):
        # Answered, not raised: it is no failure of ours, and its text is nothing for our log.
        return json_answer({"error": text or "the tool failed"}, status=500)
    return json_answer({"result": _output(server_id, answered, text)})


def _output(server_id: str, answered: Json, text: str) -> Any:
    """What the tool returned, as near to it as the protocol tells."""
    if "structuredContent" in answered:
        return answered["structuredContent"]
    if (answered.get("_meta") or {}).get("agentserver/json") and server_id == OWN_ID:
        return orjson.loads(text)
    only_text = all(each["type"] == "text" for each in answered["content"])
    return text if only_text else answered["content"]
