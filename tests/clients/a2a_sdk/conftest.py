"""Every test here is done by both real clients over both bindings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.a2a_sdk.speakers import JSONRPC, REST, NodeSpeaker, Place, PythonSpeaker, Speaker
from tests.live.server import LiveServer

Json = dict[str, Any]


@dataclass
class Voice:
    """One client over one binding, speaking to one server."""

    speaker: Speaker
    place: Place

    def of(self, tenant: str) -> "Voice":
        """The same with an agent as the tenant of the client's interface."""
        return replace(self, place=replace(self.place, tenant=tenant))

    def with_key(self, token: str) -> "Voice":
        headers = {"authorization": f"Bearer {token}"}
        return replace(self, place=replace(self.place, headers=headers))

    def ask(self, operation: str, params: Json | None = None, **options: Any) -> Any:
        return self.speaker.ask(self.place, operation, params, **options)


def said(text: str = "Hello", *, begins: str = "message", **members: Any) -> Json:
    """A user message with an id of its own."""
    return {
        "messageId": f"{begins}-{uuid4()}",
        "role": "ROLE_USER",
        "parts": [{"text": text}],
        **members,
    }


@pytest.fixture(scope="session")
def node() -> Iterator[NodeSpeaker]:
    speaker = NodeSpeaker()
    try:
        yield speaker
    finally:
        speaker.close()


@pytest.fixture(params=["python", "node"])
def speaker(request: pytest.FixtureRequest) -> Speaker:
    found: Speaker = (
        PythonSpeaker() if request.param == "python" else request.getfixturevalue("node")
    )
    return found


@pytest.fixture(params=[REST, JSONRPC])
def voice(request: pytest.FixtureRequest, speaker: Speaker, server: LiveServer) -> Voice:
    return Voice(speaker, Place(server.url, request.param))
