"""What the parameters with one meaning everywhere are, said once for OpenAPI.

The examples name one story; every example of a body or an answer is part of it.
"""

from typing import Any, Final

THREAD_ID: Final = "0198f0c2-7d1e-7c3a-9a55-0f6b2f1c9e10"
RUN_ID: Final = "0198f0c2-9f00-7d44-b7a1-3d9d8f0a1c22"

_THREAD: dict[str, Any] = {"description": "The id of a thread", "example": THREAD_ID}
PATH: Final[dict[str, dict[str, Any]]] = {
    "thread_id": _THREAD,
    "id": _THREAD,
    "run_id": {"description": "The id of a run", "example": RUN_ID},
    "agent_id": {"description": "The id of an agent", "example": "assistant"},
    "provider_id": {"description": "The id of a provider", "example": "openai"},
    "tool_id": {"description": "The name of a tool", "example": "assistant"},
    "server_id": {"description": "The id of an MCP server", "example": "files"},
    "entry_id": {"description": "The id of a document", "example": "assistant"},
    "task_id": {"description": "The id of a task, which is the id of its run", "example": RUN_ID},
    "config_id": {"description": "The id of a push configuration", "example": "webhook-1"},
    "tenant": {"description": "The id of an agent", "example": "assistant"},
    "namespace": {
        "description": "What kind of document: `agents`, `models`, `providers`, `mcp-servers`",
        "example": "agents",
    },
}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {
        "description": "Any text of yours. Repeating a request with its key has no second effect",
        "example": "order-4711",
    },
    "If-Match": {
        "description": "The `ETag` of the document that is to be changed; 409 when it is another",
        "example": '"3"',
    },
    "A2A-Version": {
        "description": "The version of the protocol, `1.0`. Also as a member of the query",
        "example": "1.0",
    },
    "Mcp-Session-Id": {"description": "The session that `initialize` began"},
    "MCP-Protocol-Version": {
        "description": "The revision of MCP; without it that of the session, else 2025-03-26",
        "example": "2025-11-25",
    },
    "Last-Event-ID": {
        "description": "The `id` of the last event that arrived; `cursor` goes before it",
    },
}
RETRY_AFTER: Final[dict[str, Any]] = {
    "Retry-After": {
        "description": "Seconds after which the request may be repeated",
        "schema": {"type": "integer", "minimum": 1},
    }
}
ERRORS: Final[dict[int, dict[str, str]]] = {
    400: {"error": "limit: must be an unsigned integer", "code": "bad_request"},
    401: {"error": "authentication is required", "code": "unauthenticated"},
    403: {"error": "this needs the scope 'run'", "code": "insufficient_scope"},
    404: {"error": f"thread not found: {THREAD_ID}", "code": "not_found"},
    409: {"error": "the change conflicts with another one", "code": "conflict"},
    410: {"error": "these events are gone: start over", "code": "gone"},
    413: {
        "error": "request body is too large: at most 2097152 bytes are accepted",
        "code": "payload_too_large",
    },
    415: {"error": "Content-Type must be application/json", "code": "unsupported_media_type"},
    422: {"error": "invalid body: messages: Field required", "code": "unprocessable"},
    429: {"error": "too many requests: wait a moment", "code": "rate_limited"},
    503: {"error": "the database is unavailable", "code": "unavailable"},
}
