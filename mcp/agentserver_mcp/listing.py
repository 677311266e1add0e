"""The list of MCP servers as Mastra's clients read it."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

import agentserver
from agentserver_mcp.models import ServerInventory
from config import registry as registries

OWN_ID: Final = "agentserver"
RELEASED: Final = "2026-11-22T00:00:00.000Z"
TRANSPORTS: Final = ["streamable-http", "sse"]
Json = dict[str, Any]


def all_servers() -> list[Json]:
    """This installation, then the configured servers by their ids."""
    own = _entry(
        OWN_ID,
        "Agents, workflows and tools of this installation",
        version=agentserver.__version__,
        at=RELEASED,
    )
    fetched = dict(ServerInventory.objects.values_list("catalog_id", "fetched_at"))
    return [own, *(_external(server_id, fetched) for server_id in sorted(_configured()))]


def _configured() -> list[str]:
    """``agentserver`` is taken; a document of that id is not reachable here."""
    return [key for key in registries.current().mcp_servers if key != OWN_ID]


def _external(server_id: str, fetched: Mapping[str, Any]) -> Json:
    at = fetched.get(server_id)
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds") if at else RELEASED
    return _entry(server_id, None, version="unknown", at=moment.replace("+00:00", "Z"))


def _entry(server_id: str, description: str | None, *, version: str, at: str) -> Json:
    detail = {"version": version, "release_date": at, "is_latest": True}
    found = {"id": server_id, "name": server_id, "version_detail": detail, "transports": TRANSPORTS}
    return found if description is None else {**found, "description": description}
