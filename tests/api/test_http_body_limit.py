"""`BodyLimit` counts what arrives, declared or not, before Django reads it."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from agentserver.core.api.body_limit import BodyLimit, Message, Receive, Scope, Send


class Echo:
    """Reads the whole body as Django does; silent when the client seems to have left."""

    def __init__(self) -> None:
        self.body: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        self.body = body
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def call(
    application: Echo, chunks: list[bytes], *, headers: dict[str, str], path: str = "/"
) -> tuple[list[Message], int]:
    """What was sent, and how many chunks were taken from the client."""
    sent: list[Message] = []
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {
            "type": "http.request",
            "body": chunks[taken - 1],
            "more_body": taken < len(chunks),
        }

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    limited = BodyLimit(application, default=10, larger={"/big": 100})
    async_to_sync(limited)(scope, receive, send)
    return sent, taken


def status_of(sent: list[Message]) -> Any:
    starts = [message["status"] for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1
    return starts[0]


def test_it_refuses_a_declared_length_without_reading() -> None:
    sent, taken = call(Echo(), [b"x" * 11], headers={"content-length": "11"})
    assert status_of(sent) == 413
    assert taken == 0
    assert json.loads(sent[1]["body"])["code"] == "payload_too_large"


def test_it_stops_a_chunked_body_at_the_limit() -> None:
    echo = Echo()
    endless = [b"xxxx"] * 1000
    sent, taken = call(echo, endless, headers={"transfer-encoding": "chunked"})
    assert status_of(sent) == 413
    assert taken == 3
    assert echo.body is None


@pytest.mark.parametrize("headers", [{"content-length": "10"}, {"transfer-encoding": "chunked"}])
def test_it_lets_the_limit_itself_pass(headers: dict[str, str]) -> None:
    echo = Echo()
    sent, _ = call(echo, [b"xxxxx", b"xxxxx"], headers=headers)
    assert status_of(sent) == 200
    assert echo.body == b"x" * 10


def test_it_knows_larger_limits_by_path() -> None:
    sent, _ = call(Echo(), [b"x" * 50], headers={"content-length": "50"}, path="/big/upload")
    assert status_of(sent) == 200
