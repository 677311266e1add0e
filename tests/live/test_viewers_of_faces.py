"""One run, fifty viewers: half over the AI SDK face, half over AG-UI, and one that hardly reads."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentserver.core.ids import new_id
from tests.live.server import LiveServer

VIEWERS = 25
SECONDS = 90


def connection(server: LiveServer) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=SECONDS)


def ag_ui(server: LiveServer, body: dict[str, Any], begun: threading.Event) -> bytes:
    """The whole stream of a request; equal requests are answered from the same log."""
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    with closing(connection(server)) as viewer:
        viewer.request("POST", "/v1/ag-ui/agents/demo-slow/runs", json.dumps(body), headers)
        answer = viewer.getresponse()
        first = answer.readline()
        begun.set()
        return first + answer.read()


def ai_sdk(server: LiveServer, thread_id: str) -> bytes:
    with closing(connection(server)) as viewer:
        viewer.request("GET", f"/v1/ai-sdk/chat/{thread_id}/stream")
        answer = viewer.getresponse()
        assert answer.status == 200
        return answer.read()


class OneByteASecond:
    """Opens a stream and leaves nearly all of it unread."""

    def __init__(self, server: LiveServer, thread_id: str) -> None:
        address = urlsplit(server.url)
        self.received = 0
        self._enough = threading.Event()
        self._socket = socket.create_connection((address.hostname, address.port), SECONDS)
        request = f"GET /v1/ai-sdk/chat/{thread_id}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self._socket.sendall(request.encode())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._socket:
            while not self._enough.wait(1):
                self.received += len(self._socket.recv(1))

    def leave(self) -> None:
        self._enough.set()
        self._thread.join(SECONDS)


@pytest.fixture(scope="module")
def watched(server: LiveServer) -> tuple[list[bytes], list[bytes], int]:
    """What the viewers of each face saw, and how much the slow one had read by then."""
    thread_id, run_id = new_id(), new_id()
    body = {
        "threadId": thread_id,
        "runId": run_id,
        "state": {},
        "messages": [{"id": new_id(), "role": "user", "content": "tell me something long"}],
        "tools": [],
        "context": [],
        "forwardedProps": {},
    }
    begun = threading.Event()
    with ThreadPoolExecutor(2 * VIEWERS) as pool:
        first = pool.submit(ag_ui, server, body, begun)
        assert begun.wait(SECONDS)
        slow = OneByteASecond(server, thread_id)
        over_ag_ui = [pool.submit(ag_ui, server, body, begun) for _ in range(VIEWERS - 1)]
        over_ai_sdk = [pool.submit(ai_sdk, server, thread_id) for _ in range(VIEWERS)]
        of_ag_ui = [each.result(SECONDS) for each in (first, *over_ag_ui)]
        of_ai_sdk = [each.result(SECONDS) for each in over_ai_sdk]
    received = slow.received
    slow.leave()
    return of_ag_ui, of_ai_sdk, received


def test_it_shows_every_ag_ui_viewer_the_same_bytes(
    watched: tuple[list[bytes], list[bytes], int],
) -> None:
    of_ag_ui, _, _ = watched
    assert b"RUN_FINISHED" in of_ag_ui[0]
    assert len(of_ag_ui) == VIEWERS
    assert len(set(of_ag_ui)) == 1


def test_it_shows_every_ai_sdk_viewer_the_same_bytes(
    watched: tuple[list[bytes], list[bytes], int],
) -> None:
    _, of_ai_sdk, _ = watched
    assert of_ai_sdk[0].rstrip().endswith(b"[DONE]")
    assert len(of_ai_sdk) == VIEWERS
    assert len(set(of_ai_sdk)) == 1


def test_it_does_not_wait_for_a_viewer_that_hardly_reads(
    watched: tuple[list[bytes], list[bytes], int],
) -> None:
    of_ag_ui, of_ai_sdk, received = watched
    assert received < SECONDS
    assert received < len(of_ai_sdk[0]) / 2
    assert b"RUN_FINISHED" in of_ag_ui[-1]
