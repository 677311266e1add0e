"""A viewer that reads one byte a second."""

import socket
import threading
from urllib.parse import urlsplit

import pytest

from tests.live.app.agents import FLOOD_CHUNKS
from tests.live.conftest import Rough
from tests.live.sse import Frame, frames, shown_text

WORDS = "0123456789abcdef" * 128
TEXT = WORDS * FLOOD_CHUNKS
SMALL_BUFFER = 4096
SECONDS = 60


class SlowReader:
    """Takes one byte a second until `hurry`, then the rest."""

    def __init__(self, url: str, run_id: str) -> None:
        address = urlsplit(url)
        self._socket = socket.socket()
        # Before connecting: it decides how much the other side may send unasked.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self._socket.settimeout(SECONDS)
        self._socket.connect((address.hostname, address.port))
        request = (
            f"GET /v1/runs/{run_id}/events/stream?cursor=0 HTTP/1.0\r\nHost: localhost\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        self._hurry = threading.Event()
        self._got = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        return len(self._got)

    def hurry(self) -> list[Frame]:
        """Everything it was sent, from the first byte to the end of the stream."""
        self._hurry.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the stream did not end"
        body = bytes(self._got).partition(b"\r\n\r\n")[2]
        return list(frames(_unchunked(body).decode().split("\n")))

    def _read(self) -> None:
        with self._socket:
            while piece := self._socket.recv(65536 if self._hurry.is_set() else 1):
                self._got += piece
                self._hurry.wait(1)


def _unchunked(body: bytes) -> bytes:
    """The body without the frame of a chunked answer, which one side sends and the other not."""
    if body.startswith((b"id:", b"data:", b":")):
        return body
    parts, rest = [], body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        rest = rest[length + 2 :]
    return b"".join(parts)


@pytest.fixture(scope="module")
def watched(rough_server: Rough) -> tuple[int, list[Frame], list[Frame]]:
    """How much the slow viewer had when the run was over; what a quick and the slow one saw."""
    rough_server.heal()
    client = rough_server.client
    run_id = client.submit("live-flood", WORDS)
    slow = SlowReader(rough_server.live.url, run_id)
    with client.watch(run_id) as stream:
        quick = list(stream)
    count = slow.count
    return count, quick, slow.hurry()


def test_it_does_not_let_a_slow_viewer_slow_the_run(
    watched: tuple[int, list[Frame], list[Frame]],
) -> None:
    count, quick, _ = watched
    assert count < SECONDS
    assert shown_text(quick) == TEXT


def test_it_keeps_everything_for_a_slow_viewer(
    watched: tuple[int, list[Frame], list[Frame]],
) -> None:
    _, quick, slow = watched
    assert shown_text(slow) == TEXT
    assert [frame.id for frame in slow] == [frame.id for frame in quick]
