"""An open server and a client that speaks JSON."""

from typing import Any

import pytest
from django.test import Client

from agentserver.access.services import create_key


class JsonClient:
    """``api.post("/v1/threads", {...})``: the answer, with ``json()`` as in Django's client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("patch", path, body, headers)

    def send(self, verb: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        call: Any = getattr(self.client, verb)
        return call(path, body, content_type="application/json", headers=headers)


@pytest.fixture
def open_access(settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False


@pytest.fixture
def api(open_access: None) -> JsonClient:
    return JsonClient(Client(raise_request_exception=False))


def keyed(*scopes: str, resource_id: str = "") -> JsonClient:
    """A client with a new key."""
    _, token = create_key(name="test", scopes=scopes, resource_id=resource_id)
    headers = {"authorization": f"Bearer {token}"}
    return JsonClient(Client(raise_request_exception=False, headers=headers))


@pytest.fixture
def bound(open_access: None, db: None) -> JsonClient:
    """A client that sees the resource ``mine`` only."""
    return keyed("read", "run", resource_id="mine")
