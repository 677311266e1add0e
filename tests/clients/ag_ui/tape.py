"""A server that answers each POST with the next prepared stream: what the encoder says, played to
a real client without an agent behind it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@contextmanager
def tape(streams: Sequence[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """The server's address. Each stream is a list of AG-UI events."""
    waiting = [_bytes(frames) for frames in streams]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.wfile.write(waiting.pop(0))

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _bytes(frames: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(frame) + b"\n\n" for frame in frames)
