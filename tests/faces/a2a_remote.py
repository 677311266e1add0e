"""Somebody else's agent server, small enough to misbehave on demand.

It speaks A2A 1.0 over HTTP+JSON and JSON-RPC on a port of its own; what it is sent must parse
strictly into the SDK's types. What it answers is a *play*, one per message: updates that are told
in order, with events to wait for in between::

    remote.play(chunk("Hel"), gate, chunk("lo", append=True), completed())
"""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import pytest
from a2a.types import CancelTaskRequest, SendMessageRequest, SubscribeToTaskRequest
from google.protobuf.json_format import ParseDict

SECONDS = 20
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
REST = frozenset(
    f"TASK_STATE_{name}"
    for name in ("COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "AUTH_REQUIRED")
)
Update = dict[str, Any]
Step = Update | threading.Event


def chunk(text: str, *, append: bool = False, artifact: str = "response") -> Update:
    return parts({"text": text}, append=append, artifact=artifact)


def parts(*said: dict[str, Any], append: bool = False, artifact: str = "response") -> Update:
    told = {"artifactId": artifact, "name": artifact, "parts": list(said)}
    return {"artifactUpdate": {"artifact": told, "append": append}}


def status(name: str, text: str = "", **data: Any) -> Update:
    told: dict[str, Any] = {"state": f"TASK_STATE_{name}", "timestamp": "2026-01-02T03:04:05.678Z"}
    if text:
        said = [{"text": text}, *([{"data": data}] if data else [])]
        told["message"] = {"messageId": uuid4().hex, "role": "ROLE_AGENT", "parts": said}
    return {"statusUpdate": {"status": told}}


def completed(text: str = "") -> Update:
    return status("COMPLETED", text)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Task:
    """A task and everything that happened to it, in order."""

    id: str
    context_id: str
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=lambda: {"state": "TASK_STATE_SUBMITTED"})
    log: list[Update] = field(default_factory=list)

    @property
    def at_rest(self) -> bool:
        return self.status["state"] in REST

    def show(self) -> dict[str, Any]:
        found = {"id": self.id, "contextId": self.context_id, "status": dict(self.status)}
        return found | ({"artifacts": list(self.artifacts.values())} if self.artifacts else {})

    def apply(self, update: Update) -> None:
        if "statusUpdate" in update:
            self.status = update["statusUpdate"]["status"]
        elif "artifactUpdate" in update:
            told = update["artifactUpdate"]["artifact"]
            known = self.artifacts.get(told["artifactId"])
            if known and update["artifactUpdate"].get("append"):
                known["parts"] = [*known["parts"], *told["parts"]]
            else:
                self.artifacts[told["artifactId"]] = dict(told)
        self.log.append(update)


class Remote:
    """`requests` are all that came in; `streaming` and `bindings` are what the card promises."""

    def __init__(self) -> None:
        self.bindings = ["HTTP+JSON", "JSONRPC"]
        self.streaming = True
        self.token = ""
        self.card: dict[str, Any] = {}
        self.card_headers: dict[str, str] = {}
        self.raw: dict[str, tuple[int, bytes]] = {}
        self.hanging: set[str] = set()
        self.requests: list[Request] = []
        self.tasks: dict[str, Task] = {}
        self.changed = threading.Condition()
        self.came = threading.Condition()
        self._plays: deque[tuple[Step, ...]] = deque()
        self._cuts = 0
        self._closing = False
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"remote": self})
        )
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    # --- what tests say ---------------------------------------------------------------------------

    def play(self, *steps: Step) -> None:
        self._plays.append(steps)

    def cut(self) -> None:
        """Breaks every open stream off in the middle."""
        with self.changed:
            self._cuts += 1
            self.changed.notify_all()

    def sent(self, path_end: str, count: int = 1) -> list[Request]:
        """Waits for so many requests whose path (or method of JSON-RPC) ends like this."""

        def found() -> list[Request]:
            return [each for each in self.requests if _called(each).endswith(path_end)]

        with self.came:
            if not self.came.wait_for(lambda: len(found()) >= count, SECONDS):
                raise TimeoutError(f"{path_end}: {[_called(each) for each in self.requests]}")
            return found()

    def hold(self, path: str) -> None:
        """Keeps a request waiting for as long as its path is among `hanging`."""
        with self.changed:
            self.changed.wait_for(lambda: path not in self.hanging or self._closing, SECONDS)

    def release(self) -> None:
        with self.changed:
            self.hanging = set()
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what it does -----------------------------------------------------------------------------

    def shown_card(self) -> dict[str, Any]:
        return {
            "name": "remote",
            "description": "Another agent.",
            "version": "1",
            "supportedInterfaces": [
                {"url": self.url + "/a2a", "protocolBinding": each, "protocolVersion": "1.0"}
                for each in self.bindings
            ],
            "capabilities": {"streaming": self.streaming},
            "defaultInputModes": ["text/plain"],
            "defaultOutputModes": ["text/plain"],
            "skills": [],
            **self.card,
        }

    def note(self, request: Request) -> None:
        with self.came:
            self.requests.append(request)
            self.came.notify_all()

    def take(self, body: dict[str, Any]) -> Task:
        """Begins or continues a task; its play goes on in a thread of its own."""
        message = ParseDict(body, SendMessageRequest()).message
        if message.task_id:
            task = self.tasks[message.task_id]
            self.tell(task, status("WORKING"))
        else:
            task = Task(uuid4().hex, message.context_id or uuid4().hex)
            self.tasks[task.id] = task
        steps = self._plays.popleft() if self._plays else (completed(),)
        threading.Thread(target=self._perform, args=(task, steps), daemon=True).start()
        return task

    def _perform(self, task: Task, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if isinstance(step, threading.Event):
                step.wait(SECONDS)
            elif not task.at_rest:
                self.tell(task, step)

    def tell(self, task: Task, update: Update) -> None:
        with self.changed:
            kind = next(iter(update))
            task.apply({kind: {**update[kind], "taskId": task.id, "contextId": task.context_id}})
            self.changed.notify_all()

    def cancel(self, task: Task) -> dict[str, Any]:
        self.tell(task, status("CANCELED"))
        return task.show()

    def follow(self, task: Task) -> Iterator[Update]:
        """A snapshot, then what happens; ends at rest, when it is cut off, or with the server."""
        with self.changed:
            cuts, position, shown = self._cuts, len(task.log), task.show()
        yield {"task": shown}
        while True:
            with self.changed:
                self.changed.wait_for(partial(self._news, task, position, cuts), SECONDS)
                if self._cuts != cuts or self._closing:
                    return
                fresh = task.log[position:]
            yield from fresh
            position += len(fresh)
            if task.at_rest and position == len(task.log):
                return

    def _news(self, task: Task, position: int, cuts: int) -> bool:
        return len(task.log) > position or task.at_rest or self._cuts != cuts or self._closing


def _called(request: Request) -> str:
    if request.path.endswith("/a2a"):
        return str(request.body["method"])
    return request.path


class _Handler(BaseHTTPRequestHandler):
    remote: Remote

    def log_message(self, *arguments: Any) -> None: ...

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        self._serve(json.loads(self.rfile.read(size) or b"{}"))

    def _serve(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.remote.note(Request(self.command, self.path.partition("?")[0], headers, body))
        path = self.path.partition("?")[0]
        self.remote.hold(path)
        if path in self.remote.raw:
            code, content = self.remote.raw[path]
            self._send(code, content)
        elif path.endswith("/.well-known/agent-card.json"):
            self._card(path, headers)
        elif self.remote.token and headers.get("authorization") != f"Bearer {self.remote.token}":
            self._json(401, {"error": {"message": f"not {headers.get('authorization')}"}})
        elif path == "/a2a":
            self._rpc(body)
        else:
            self._rest(path.removeprefix("/a2a"), body)

    def _card(self, path: str, headers: dict[str, str]) -> None:
        told = self.remote.card_headers
        if path != "/.well-known/agent-card.json":
            self._json(404, {})
        elif "etag" in told and headers.get("if-none-match") == told["etag"]:
            self._send(304, b"", told)
        else:
            self._send(200, json.dumps(self.remote.shown_card()).encode(), told)

    def _rest(self, path: str, body: Any) -> None:
        task_id, _, verb = path.rpartition("/tasks/")[2].partition(":")
        if path.endswith("/message:send"):
            self._json(200, {"task": self.remote.take(body).show()})
        elif path.endswith("/message:stream"):
            self._stream(self.remote.take(body), lambda update: update)
        elif task_id not in self.remote.tasks:
            self._json(404, _error("TASK_NOT_FOUND", 404))
        elif verb == "cancel":
            ParseDict(body, CancelTaskRequest())
            self._json(200, self.remote.cancel(self.remote.tasks[task_id]))
        elif (
            verb == "subscribe" and self.remote.streaming and not self.remote.tasks[task_id].at_rest
        ):
            ParseDict(body, SubscribeToTaskRequest())
            self._stream(self.remote.tasks[task_id], lambda update: update)
        elif verb == "subscribe":
            self._json(400, _error("UNSUPPORTED_OPERATION", 400))
        else:
            self._json(200, self.remote.tasks[task_id].show())

    def _rpc(self, body: Any) -> None:
        method, params = body["method"], body.get("params", {})
        task = self.remote.tasks.get(params.get("id", ""))

        def wrapped(result: Any) -> dict[str, Any]:
            return {"jsonrpc": "2.0", "id": body["id"], "result": result}

        if method == "SendMessage":
            self._json(200, wrapped({"task": self.remote.take(params).show()}))
        elif method == "SendStreamingMessage":
            self._stream(self.remote.take(params), wrapped)
        elif task is None:
            error = {"code": -32001, "message": "Task not found"}
            self._json(200, {"jsonrpc": "2.0", "id": body["id"], "error": error})
        elif method == "CancelTask":
            self._json(200, wrapped(self.remote.cancel(task)))
        elif method == "SubscribeToTask":
            self._stream(task, wrapped)
        else:
            self._json(200, wrapped(task.show()))

    def _stream(self, task: Task, form: Any) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            for update in self.remote.follow(task):
                self.wfile.write(f"data: {json.dumps(form(update))}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return

    def _json(self, code: int, content: Any) -> None:
        self._send(code, json.dumps(content).encode())

    def _send(self, code: int, content: bytes, more: Mapping[str, str] = NO_HEADERS) -> None:
        self.send_response(code)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _error(reason: str, code: int) -> dict[str, Any]:
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "a2a-protocol.org",
    }
    return {"error": {"code": code, "status": "X", "message": reason, "details": [detail]}}


@pytest.fixture
def remote(settings: Any) -> Iterator[Remote]:
    """A fresh remote agent that this server may call."""
    from agentserver_a2a.client import cards

    cards.forget()
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    made = Remote()
    try:
        yield made
    finally:
        made.close()
