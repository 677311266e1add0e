"""``/v1/mcp``: the Model Context Protocol over Streamable HTTP, in both eras."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import empty_answer
from agentserver.core.api.body import content_length, too_large
from agentserver.core.api.errors import MethodNotAllowed
from agentserver.core.api.operation import EventStream, Several, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import BadRequest, NotFound, UnsupportedMediaType
from agentserver_mcp.api import examples
from agentserver_mcp.api.errors import McpFailure, mcp_error
from agentserver_mcp.api.origins import check_origin
from agentserver_mcp.api.wire import McpMessage, McpReply
from agentserver_mcp.sessions import close_session, find_session

if TYPE_CHECKING:
    from agentserver_mcp.catalogue import Catalogue

MAX_BODY_BYTES = 4 * 1024 * 1024
ALLOWED = "POST, DELETE"
SESSION = "Mcp-Session-Id"
MESSAGES = EventStream("What the server says meanwhile, then the response", data=McpMessage)


class McpView(ApiView):
    """Errors are JSON-RPC; pages of unknown origins are refused before anything else."""

    tag = "mcp"
    error_dialect = staticmethod(mcp_error)
    error_model = McpFailure
    max_body_bytes = MAX_BODY_BYTES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_origin(request._request)
        super().initial(request, *args, **kwargs)


class ServerView(McpView):
    """The server of this installation."""

    @operation(
        "Send a message to the MCP server",
        answers={200: (McpReply, MESSAGES), 202: None},
        errors=(404, 406),
        body=McpMessage,
        headers=("Mcp-Session-Id", "MCP-Protocol-Version"),
        examples={"body": Several(examples.MESSAGES)},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Takes one JSON-RPC message. A request is answered with JSON or, when there is something
        to say meanwhile, with a stream that ends with the response. Every agent is a tool; a call
        of it is a run like any other."""
        return serve(request, _own_catalogue())

    @operation(
        "Listen to the MCP server (not offered)",
        answers={405: McpFailure},
        scope="run",
        examples={405: examples.NO_STREAM},
    )
    def get(self, request: Request) -> HttpResponse:
        """Always 405: there is no stream beside those of requests."""
        raise MethodNotAllowed("There is no stream to listen to", headers={"Allow": ALLOWED})

    @operation(
        "End a session",
        answers={204: None},
        errors=(400, 404, 405),
        headers=("Mcp-Session-Id",),
    )
    def delete(self, request: Request) -> HttpResponse:
        """Ends the session that the header names, and what is under way in it."""
        return end_session(request, server="")


def serve(request: Request, catalogue: "Catalogue") -> HttpResponseBase:
    """The answer of one MCP server of ours to a POST."""
    # Deferred: the SDK takes most of a second and 50 MB, which only MCP should cost.
    from agentserver_mcp import endpoint

    raw = read_message(request._request)
    return endpoint.answer(
        request._request, raw, principal=principal_of(request), catalogue=catalogue
    )


def read_message(request: HttpRequest) -> bytes:
    """The body as sent: 413, 415."""
    if content_length(request) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    if (request.content_type or "").lower() != "application/json":
        raise UnsupportedMediaType("Content-Type must be application/json")
    raw = request.body
    if len(raw) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    return raw


def end_session(request: Request, *, server: str) -> HttpResponse:
    # Deferred, as above.
    from agentserver_mcp.protocol import VERSION_HEADER, is_modern

    if is_modern(request._request.headers.get(VERSION_HEADER)):
        raise MethodNotAllowed("This revision has no sessions", headers={"Allow": "POST"})
    session_id = request._request.headers.get(SESSION)
    if not session_id:
        raise BadRequest(f"the header {SESSION} is missing")
    principal = principal_of(request)
    session = find_session(principal=principal, server=server, session_id=session_id)
    if session is None:
        raise NotFound("Session not found")
    close_session(principal=principal, session=session)
    return empty_answer(204)


def _own_catalogue() -> "Catalogue":
    from agentserver_mcp.servers import own_catalogue

    return own_catalogue()
