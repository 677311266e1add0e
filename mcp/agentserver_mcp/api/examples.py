"""Examples of the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID

MESSAGES: Final[dict[str, Any]] = {
    "initialize": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "example", "version": "1.0"},
        },
    },
    "list tools": {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    "ask an agent": {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/call",
        "params": {
            "name": "assistant",
            "arguments": {"message": "And tomorrow?", "threadId": THREAD_ID},
            "_meta": {"progressToken": "p1"},
        },
    },
}
REPLY: Final[dict[str, Any]] = {
    "jsonrpc": "2.0",
    "id": 3,
    "result": {
        "content": [{"type": "text", "text": "Sunny again."}],
        "isError": False,
        "_meta": {"agentserver/runId": RUN_ID, "agentserver/threadId": THREAD_ID},
    },
}
NO_STREAM: Final[dict[str, Any]] = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {"code": -32600, "message": "There is no stream to listen to"},
}
EXECUTION: Final[dict[str, Any]] = {"data": {"message": "Hello"}}
EXECUTED: Final[dict[str, Any]] = {"result": "Hello to you."}
RESOURCE: Final[dict[str, Any]] = {"uri": "docs://readme"}
POSTED: Final = {name: MESSAGES[name] for name in ("initialize", "list tools")}
