"""Agents and providers written in Python."""

from io import StringIO
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from config import defaults, registry
from config.defaults import (
    agent,
    collect_defaults,
    declared_in,
    mcp_server,
    model,
    provider,
)
from tests.config.samples import AGENT, MODEL, PROVIDER


def module(**members: Any) -> ModuleType:
    found = ModuleType("shop.agents")
    vars(found).update(members)
    return found


def search_orders() -> None: ...


def test_it_writes_an_agents_document() -> None:
    assert agent("assistant", model="default", system_prompt="You help.", tools=["add"]) == {
        "id": "assistant",
        "model_id": "default",
        "system_prompt": "You help.",
        "allowed_tools": ["add"],
        "plugin_ids": [],
        "sections": {},
    }


def test_it_loads_the_plugin_of_a_permission_section() -> None:
    found = agent("a", model="m", permission={"default_behavior": "deny"}, plugins=["retry"])
    assert found["plugin_ids"] == ["retry", "permission"]
    assert found["sections"] == {"permission": {"default_behavior": "deny"}}


def test_it_takes_functions_and_tools_for_their_names() -> None:
    found = agent("a", model="m", tools=[search_orders, SimpleNamespace(name="add"), "mcp__x__y"])
    assert found["allowed_tools"] == ["search_orders", "add", "mcp__x__y"]


def test_it_refuses_what_has_no_name() -> None:
    with pytest.raises(ImproperlyConfigured, match="not a tool or the name of one: 5"):
        agent("a", model="m", tools=[5])


def test_it_finds_declarations_of_a_module_once_and_in_order() -> None:
    openai = provider("openai", adapter="openai")
    default = model("default", provider="openai", upstream="gpt-4o-mini")
    found = declared_in(
        module(
            openai=openai,
            default=default,
            MODELS=[default],
            more=[mcp_server("x", transport="http")],
        )
    )
    assert [(name, document["id"]) for name, document in found] == [
        ("providers", "openai"),
        ("models", "default"),
        ("mcp-servers", "x"),
    ]


def test_it_finds_plain_documents_in_the_reserved_lists() -> None:
    found = declared_in(module(AGENTS=[AGENT], MODELS=[MODEL], PROVIDERS=[PROVIDER]))
    assert [name for name, _ in found] == ["agents", "models", "providers"]


@pytest.mark.parametrize("value", [AGENT, "assistant", [1]])
def test_it_refuses_reserved_names_that_are_no_lists_of_documents(value: object) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"shop\.agents\.AGENTS"):
        list(declared_in(module(AGENTS=value)))


@pytest.mark.django_db
def test_it_loads_what_the_modules_of_apps_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "_modules", lambda: iter([module(PROVIDERS=[PROVIDER])]))
    assert collect_defaults()["providers"] == [PROVIDER]
    output = StringIO()
    call_command("load_defaults", stdout=output)
    assert output.getvalue() == "published\n"
    registry.forget()
    assert "openai" in registry.current().providers
