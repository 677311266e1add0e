"""Plugins this server knows and the form of their sections in ``agents.sections``.

Sections of other keys are kept and returned, without effect.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.errors import describe
from config.permission import PermissionSection
from config.specs import AgentSpec


class RetrySection(BaseModel):
    """``agents.sections.retry``: how often and where a failed inference is tried again."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    max_retries: Annotated[int, Field(ge=0, le=100)] = 2
    backoff_base_ms: Annotated[int, Field(ge=0, le=600_000)] = 500
    fallback_upstream_models: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plugin:
    """``section``: the key of its section. ``always_on``: it works without being loaded."""

    id: str
    section: str
    model: type[BaseModel]
    always_on: bool = False


PLUGINS: Final[dict[str, Plugin]] = {
    plugin.id: plugin
    for plugin in (
        Plugin("permission", "permission", PermissionSection),
        Plugin("retry", "retry", RetrySection, always_on=True),
    )
}


def register(plugin: Plugin) -> None:
    """For the sections of the faces, from the ``ready()`` of their apps."""
    PLUGINS[plugin.id] = plugin


def check_sections(agent: AgentSpec) -> None:
    """Raises ValueError naming the first section that its plugin cannot read."""
    for plugin in PLUGINS.values():
        section = agent.sections.get(plugin.section)
        if section is None or not _reads(agent, plugin):
            continue
        try:
            plugin.model.model_validate(section)
        except ValidationError as error:
            raise ValueError(f"section '{plugin.section}': {describe(error)[0]}") from None


def sections_without_effect(agent: AgentSpec) -> list[str]:
    """The section keys no plugin of this agent reads, sorted."""
    read = {plugin.section for plugin in PLUGINS.values() if _reads(agent, plugin)}
    return sorted(agent.sections.keys() - read)


def retry_of(agent: AgentSpec) -> RetrySection:
    return RetrySection.model_validate(agent.sections.get("retry") or {})


def config_schemas() -> list[dict[str, Any]]:
    """``plugins`` of the capabilities answer (docs/native-api.md, Configuration)."""
    return [
        {
            "id": plugin.id,
            "config_schemas": [{"key": plugin.section, "schema": plugin.model.model_json_schema()}],
        }
        for plugin in PLUGINS.values()
    ]


def _reads(agent: AgentSpec, plugin: Plugin) -> bool:
    return plugin.always_on or plugin.id in agent.plugin_ids
