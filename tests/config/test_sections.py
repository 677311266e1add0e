"""Plugins and their sections."""

import pytest

from config.sections import (
    check_sections,
    config_schemas,
    retry_of,
    sections_without_effect,
)
from config.specs import AgentSpec
from tests.config.samples import AGENT


def agent(**members: object) -> AgentSpec:
    return AgentSpec.model_validate({**AGENT, **members})


def test_it_has_the_documented_retry_defaults() -> None:
    assert retry_of(agent()).model_dump() == {
        "max_retries": 2,
        "backoff_base_ms": 500,
        "fallback_upstream_models": [],
    }


def test_it_reads_a_retry_section_without_its_plugin() -> None:
    assert retry_of(agent(sections={"retry": {"max_retries": 0}})).max_retries == 0


def test_it_reads_permissions_only_with_their_plugin() -> None:
    sections = {"permission": {"default_behavior": "deny"}}
    loaded = agent(sections=sections, plugin_ids=["permission"])
    assert agent(sections=sections).plugin_section("permission") is None
    assert loaded.plugin_section("permission") == {"default_behavior": "deny"}
    assert agent(plugin_ids=["permission"]).plugin_section("permission") == {}


def test_it_checks_only_sections_that_are_read() -> None:
    broken = {"permission": {"rules": 5}}
    check_sections(agent(sections=broken))
    with pytest.raises(ValueError, match="section 'permission': rules: "):
        check_sections(agent(sections=broken, plugin_ids=["permission"]))


def test_it_names_sections_without_effect() -> None:
    found = agent(sections={"retry": {}, "reminder": {}, "permission": {}})
    assert sections_without_effect(found) == ["permission", "reminder"]


def test_it_describes_each_section_by_a_schema() -> None:
    schemas = {entry["id"]: entry["config_schemas"][0] for entry in config_schemas()}
    assert schemas["permission"]["key"] == "permission"
    assert "rules" in schemas["permission"]["schema"]["properties"]
