"""The script of `demo-a2a`: what it does follows from how the id of the user's message begins.

So a client of any protocol, or a conformance suite, asks for a behaviour by the id it chooses. A
question is answered by a decision. When the answer comes as a message as well, the run reads that
message next, and the id of that message says how it goes on: ``tck-input-required`` asks again.
"""

import base64
from typing import Any, Final

Action = dict[str, Any]

DIRECT_MESSAGE: Final = "a2a.message"
"""Data of this name in a run: its answer is a plain message, not the result of a task."""

_FILE: Final = {"media_type": "text/plain", "name": "output.txt"}


def _text(said: str, **pace: Any) -> Action:
    return {"text": said, **pace}


def _file(content: str) -> Action:
    return {"file": {**_FILE, "data": base64.b64encode(content.encode()).decode()}}


def _call(tool: str) -> Action:
    return {"tool_call": {"name": tool, "arguments": {}}}


def _on(message_id: str, *reply: Action, **conditions: Any) -> dict[str, Any]:
    return {"when": {"message_id": message_id, **conditions}, "reply": list(reply)}


# The first rule that fits answers: longer beginnings stand before their own beginnings.
SCRIPT: Final = [
    _on("tck-complete-task", _text("Hello from TCK")),
    _on(
        "tck-input-required",
        _text("Thank you: {{tool_result}}"),
        has_tool_result="demo_ask",
    ),
    _on("tck-input-required", _call("demo_ask")),
    _on("tck-reject-task", _call("demo_forbidden")),
    _on("tck-artifact-text", _text("Generated text content")),
    _on(
        "tck-artifact-file-url",
        {"file": {**_FILE, "url": "https://example.com/output.txt"}},
    ),
    _on("tck-artifact-file", _file("Generated file content")),
    _on(
        "tck-artifact-data",
        {
            "artifact": {
                "name": "result",
                "parts": [{"type": "data", "data": {"key": "value", "count": 42}}],
            }
        },
    ),
    _on(
        "tck-message-response",
        {"data": {"name": DIRECT_MESSAGE, "data": True}},
        _text("Direct message response"),
    ),
    _on("tck-stream-artifact-text", _text("Streamed text content")),
    _on("tck-stream-artifact-file", _file("Streamed file content")),
    _on(
        "tck-stream-artifact-chunked",
        _text("", chunk_list=["chunk-1 ", "chunk-2"], delay_ms=50, first_delay_ms=0),
    ),
    _on("tck-stream-", {"delay_ms": 800}, _text("Stream hello from TCK")),
    {"reply": [_text("Hello from the A2A demo agent.")]},
]
