"""Shapes of ``/v1/mcp-servers``. Times are Unix milliseconds."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentserver.core.clock import optional_ms
from agentserver_mcp.client.lookup import Known
from agentserver_mcp.models import ServerCatalog

_AT = 1_775_923_200_123
_TOOL: dict[str, Any] = {
    "id": "mcp__files__read_file",
    "name": "read_file",
    "description": "Reads a file.",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
_STATUS: dict[str, Any] = {
    "id": "files",
    "state": "connected",
    "connected": True,
    "last_error": None,
    "tools": [{"name": "read_file", "description": "Reads a file."}],
    "problems": [],
    "consecutive_failures": 0,
    "last_attempt_at": _AT,
    "last_success_at": _AT,
    "reconnecting": False,
    "permanently_failed": False,
    "session_generation": 1,
    "transport_reconnect_count": 0,
    "last_init_at": _AT,
    "protocol_version": "2025-11-25",
}
_INVENTORY: dict[str, Any] = {
    "id": "files",
    "fetched_at": _AT,
    "tools": [_TOOL],
    "prompts": [],
    "resources": [],
    "resource_templates": [],
}


class OfferedTool(BaseModel):
    name: str
    description: str


class ServerStatus(BaseModel):
    """As the worker that looks after the servers last saw it. ``permanently_failed``: it is not
    tried again before a restart, a change of its document, or a call that reaches it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATUS]})

    id: str
    state: Literal["pending", "connected", "failed"]
    connected: bool
    last_error: str | None
    tools: list[OfferedTool] = Field(description="By the names the server gives them")
    problems: list[str] = Field(description="Why tools that the server lists are not offered")
    consecutive_failures: int
    last_attempt_at: int | None
    last_success_at: int | None
    reconnecting: bool
    permanently_failed: bool
    session_generation: int
    transport_reconnect_count: int
    last_init_at: int | None
    protocol_version: str | None


class ServerInventoryBody(BaseModel):
    """What the server lists, as it lists it; ``id`` of a tool is the name that models call."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INVENTORY]})

    id: str
    fetched_at: int | None = Field(description="When it last changed; null before the first time")
    tools: list[dict[str, Any]]
    prompts: list[dict[str, Any]]
    resources: list[dict[str, Any]]
    resource_templates: list[dict[str, Any]]


class RestartAccepted(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "files", "status": "asked"}]})

    id: str
    status: Literal["asked"]


def status_of(known: Known) -> ServerStatus:
    row = known.state
    return ServerStatus(
        id=row.server_id,
        state=ServerCatalog.State(row.state).value,
        connected=row.state == ServerCatalog.State.CONNECTED,
        last_error=row.last_error or None,
        tools=[OfferedTool.model_validate(tool) for tool in known.inventory.tools],
        problems=row.problems,
        consecutive_failures=row.consecutive_failures,
        last_attempt_at=optional_ms(row.last_attempt_at),
        last_success_at=optional_ms(row.last_success_at),
        reconnecting=row.reconnecting,
        permanently_failed=row.permanently_failed,
        session_generation=row.session_generation,
        transport_reconnect_count=row.reconnects,
        last_init_at=optional_ms(row.last_init_at),
        protocol_version=row.protocol_version or None,
    )


def inventory_of(known: Known) -> ServerInventoryBody:
    found = known.inventory
    return ServerInventoryBody(
        id=known.spec.id,
        fetched_at=optional_ms(found.fetched_at) if found.hash else None,
        tools=found.tools,
        prompts=found.prompts,
        resources=found.resources,
        resource_templates=found.templates,
    )
