"""A small web server inside the test process: answers as told and remembers what came."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

import orjson

SECONDS = 20.0


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


class Receiver:
    """`answer` may be replaced at any time; it runs in the thread of its request and may block."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answer: Callable[[Received], Answer] = lambda _: Answer()
        self.received: list[Received] = []
        self._news = threading.Condition()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def take(self, request: Received) -> Answer:
        with self._news:
            self.received.append(request)
            self._news.notify_all()
        return self.answer(request)

    def wait_for(self, count: int) -> list[Received]:
        """The first `count` requests, once they have come."""
        return self.wait_until(lambda seen: len(seen) >= count)[:count]

    def wait_until(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        with self._news:
            came = self._news.wait_for(lambda: enough(self.received), SECONDS)
            assert came, f"only these requests came: {[each.body for each in self.received]}"
            return list(self.received)


@contextmanager
def receiving(tls: SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(receiver.take(Received(self.path, headers, body)))

        def do_GET(self) -> None:
            self.do_POST()

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
