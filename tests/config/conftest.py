from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from config import registry
from tests.api.conftest import JsonClient


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Every test numbers its versions from 1 again."""
    registry.forget()
    yield
    registry.forget()


class ConfigClient(JsonClient):
    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("put", path, body, headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.client.delete(path, headers=headers)


@pytest.fixture
def api(settings: Any) -> ConfigClient:
    """Speaks to a server that anyone may use."""
    settings.AGENTSERVER_REQUIRE_KEYS = False
    return ConfigClient(Client(raise_request_exception=False))
