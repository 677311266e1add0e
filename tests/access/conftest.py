from collections.abc import Iterator
from typing import Any

import pytest

from agentserver.access.keys import verified
from agentserver.access.services import create_key


@pytest.fixture(autouse=True)
def closed_server(settings: Any) -> Iterator[None]:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    verified.clear()
    yield
    verified.clear()


def bearer(*scopes: str, resource_id: str = "", **more: Any) -> dict[str, str]:
    """Headers of a new key."""
    _, token = create_key(name="test", scopes=scopes, resource_id=resource_id, **more)
    return {"authorization": f"Bearer {token}"}
