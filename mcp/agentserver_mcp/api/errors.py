"""Errors of the MCP routes as JSON-RPC, for what goes wrong before a message is understood."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, Field

from agentserver.core.api.answers import json_answer
from agentserver.core.errors import ApiError

# The codes of the specification, written out: the SDK is not loaded for an error.
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603


class McpError(BaseModel):
    code: int = Field(description="A code of JSON-RPC or of MCP")
    message: str
    data: Any = None


class McpFailure(BaseModel):
    """An error of MCP. `id` is that of the request, null where it could not be read."""

    jsonrpc: str = "2.0"
    id: str | int | None = None
    error: McpError


def mcp_error(error: ApiError, request: HttpRequest) -> HttpResponse:
    code = INTERNAL_ERROR if error.status >= 500 else INVALID_REQUEST
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": error.message}}
    return json_answer(body, status=error.status, headers=error.headers)
