"""What agents here can be made of: ``GET /v1/capabilities`` (docs/native-api.md)."""

from typing import Any

from config.adapters import SUPPORTED_ADAPTERS
from config.known_tools import known_tools
from config.namespaces import NAMESPACES
from config.registry import Registry
from config.schema import namespace_schema
from config.sections import config_schemas


def capabilities(registry: Registry) -> dict[str, Any]:
    """All from one version of the configuration. No secrets: of providers only the ids."""
    return {
        "version": registry.version,
        "agents": sorted(registry.agents),
        "tools": [tool.describe() for tool in known_tools(registry)],
        "plugins": config_schemas(),
        "skills": [],
        "models": [
            model.model_dump(mode="json", exclude_none=True)
            for _, model in sorted(registry.models.items())
        ],
        "providers": [{"id": provider_id} for provider_id in sorted(registry.providers)],
        "supported_adapters": list(SUPPORTED_ADAPTERS),
        "namespaces": [
            {"namespace": name, "schema": namespace_schema(name)} for name in NAMESPACES
        ],
    }
