"""An MCP server of the handshake era without any library: it starts at once.

Executed by path in a process of its own: ``plain.py <folder>`` speaks over stdio, ``plain.py
<folder> <port>`` over HTTP, with JSON answers and sessions. It leaves marks in the folder:
``pid`` when it starts, ``slow`` when the slow tool begins, ``cancelled`` when that is cancelled,
``initialize`` with what the client sent. A file ``tools`` in the folder adds a tool of that name.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0
SIZE = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
PIXEL = "iVBORw0KGgo="
SESSION = f"session-{os.getpid()}"
_write = threading.Lock()
_answers: dict[str, Any] = {}
_arrived = threading.Condition()
_cancelled: set[Any] = set()


def mark(name: str, text: str = "") -> None:
    # Calls leave marks at the same time: each writes a file of its own.
    draft = FOLDER / f"{name}.{threading.get_ident()}"
    draft.write_text(text)
    draft.rename(FOLDER / name)


def send(message: dict[str, Any]) -> None:
    if PORT:
        return
    with _write:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": content}], **more}


# --- tools --------------------------------------------------------------------------------------
def echo(call: Any, message: str = "") -> dict[str, Any]:
    return text(f"echo: {message}")


def meta(call: Any) -> dict[str, Any]:
    return text(json.dumps(call["params"].get("_meta", {})))


def environment(call: Any) -> dict[str, Any]:
    return text(" ".join(sorted(os.environ)))


def weather(call: Any, city: str = "") -> dict[str, Any]:
    return text("warm", structuredContent={"city": city, "degrees": 21.5})


def picture(call: Any) -> dict[str, Any]:
    image = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
    link = {"type": "resource_link", "uri": "note://one", "name": "one"}
    return {"content": [{"type": "text", "text": "look"}, image, link]}


def broken(call: Any) -> dict[str, Any]:
    return text(f"the kettle is broken {os.environ.get('API_KEY', '')}", isError=True)


def slow(call: Any, seconds: float = 30) -> dict[str, Any]:
    token = call["params"].get("_meta", {}).get("progressToken")
    progress = {"progressToken": token, "progress": 1, "total": 4, "message": "warming up"}
    send({"method": "notifications/progress", "params": progress})
    mark("slow", str(os.getpid()))
    with _arrived:
        if _arrived.wait_for(lambda: call["id"] in _cancelled, seconds):
            mark("cancelled")
    return text("done")


def order(call: Any) -> dict[str, Any]:
    """Asks a person for a size."""
    key = f"ask-{call['id']}"
    params = {"message": "Which size?", "requestedSchema": SIZE}
    send({"id": key, "method": "elicitation/create", "params": params})
    with _arrived:
        _arrived.wait_for(lambda: key in _answers or call["id"] in _cancelled, 30)
        return text(json.dumps(_answers.get(key)))


def grow(call: Any) -> dict[str, Any]:
    """Adds a tool and says so."""
    mark("tools", "late_tool")
    send({"method": "notifications/tools/list_changed"})
    return text("grown")


def die(call: Any) -> dict[str, Any]:
    os._exit(1)


TOOLS = [echo, meta, environment, weather, picture, broken, slow, order, grow, die]


# --- protocol -----------------------------------------------------------------------------------
def names() -> list[str]:
    known = [tool.__name__ for tool in TOOLS]
    extra = FOLDER / "tools"
    return [*known, *(extra.read_text().split() if extra.exists() else [])]


def listed(cursor: str | None) -> dict[str, Any]:
    """In two pages."""
    found = [
        {"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object"}}
        for name in names()
    ]
    return {"tools": found[5:]} if cursor else {"tools": found[:5], "nextCursor": "5"}


def answer(message: dict[str, Any]) -> dict[str, Any]:
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        mark("initialize", json.dumps(params))
        info = {"name": "plain", "version": "1"}
        can = {"tools": {"listChanged": True}}
        found = {"protocolVersion": "2025-11-25", "capabilities": can, "serverInfo": info}
    elif method == "tools/list":
        found = listed(params.get("cursor"))
    elif method == "tools/call" and params["name"] in {tool.__name__ for tool in TOOLS}:
        tool = next(tool for tool in TOOLS if tool.__name__ == params["name"])
        found = tool(message, **params.get("arguments", {}))
    else:
        error = {"code": -32602, "message": "Unknown tool or method"}
        return {"id": message["id"], "error": error}
    return {"id": message["id"], "result": found}


def hear(message: dict[str, Any]) -> None:
    """What is not a request: an answer of the client, or word of a cancellation."""
    with _arrived:
        if message.get("method") == "notifications/cancelled":
            _cancelled.add(message["params"]["requestId"])
        elif "method" not in message:
            _answers[message["id"]] = message.get("result")
        _arrived.notify_all()


def is_request(message: dict[str, Any]) -> bool:
    return "method" in message and "id" in message


def over_stdio() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if is_request(message):
            threading.Thread(
                target=lambda each: send(answer(each)), args=(message,), daemon=True
            ).start()
        else:
            hear(message)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if message.get("method") == "server/discover":
            self.reply(400)
        elif message.get("method") != "initialize" and self.headers["Mcp-Session-Id"] != SESSION:
            self.reply(404)
        elif is_request(message):
            self.reply(200, {"jsonrpc": "2.0", **answer(message)})
        else:
            hear(message)
            self.reply(202)

    def do_GET(self) -> None:
        self.reply(405)

    def reply(self, status: int, body: Any = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Mcp-Session-Id", SESSION)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        return


def main() -> None:
    if not PORT:
        mark("pid", str(os.getpid()))
        over_stdio()
        return
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    mark("pid", str(os.getpid()))
    server.serve_forever()


if __name__ == "__main__":
    main()
