"""Capabilities, diagnosis and the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from config import known_tools, registry
from config.adapters import SUPPORTED_ADAPTERS
from config.api.wire import CapabilitiesBody, DiagnosticsBody
from config.models import Entry
from runs.tools.definition import Tool
from runs.tools.registry import registered
from runs.tools.source import registered_source
from tests.config.conftest import ConfigClient
from tests.config.samples import AGENT, MODEL, PROVIDER, put, put_chain

pytestmark = pytest.mark.django_db

MOUNTED = [path("v1/", include("config.api.urls"))]
PING = Tool(name="mcp__demo__ping", description="Pings.", function=print, source="mcp:demo")
LOCAL = Tool(name="local_ping", description="Pings here.", function=print)


class Source:
    """Gives `PING` to one agent."""

    name = "demo"

    def tools_for(self, *, registry: Any, agent_id: str) -> list[Tool]:
        return [PING] if agent_id == "assistant" else []


@pytest.fixture
def tools() -> Iterator[None]:
    with registered(LOCAL), registered_source(Source()):
        yield


# --- capabilities --------------------------------------------------------------------------------
@pytest.mark.usefixtures("tools")
def test_it_tells_what_agents_can_be_made_of(api: ConfigClient) -> None:
    put_chain()
    put("agents", {**AGENT, "id": "remote", "endpoint": {"base_url": "https://r.example"}})
    found = api.get("/v1/capabilities").json()
    CapabilitiesBody.model_validate(found)
    assert found["version"] == 4
    assert found["agents"] == ["assistant", "remote"]
    assert found["models"] == [MODEL]
    assert found["providers"] == [{"id": "openai"}]
    assert found["skills"] == []
    assert found["supported_adapters"] == list(SUPPORTED_ADAPTERS)
    assert {plugin["id"] for plugin in found["plugins"]} == {"a2a", "permission", "retry"}
    namespaces = {each["namespace"]: each["schema"]["title"] for each in found["namespaces"]}
    assert namespaces == {
        "agents": "AgentSpec",
        "models": "ModelBindingSpec",
        "providers": "ProviderSpec",
        "mcp-servers": "McpServerSpec",
    }


@pytest.mark.usefixtures("tools")
def test_it_lists_tools_of_code_and_of_sources_once(api: ConfigClient) -> None:
    put_chain()
    listed = {tool["id"]: tool for tool in api.get("/v1/capabilities").json()["tools"]}
    assert listed["mcp__demo__ping"] == {
        "id": "mcp__demo__ping",
        "name": "ping",
        "description": "Pings.",
        "source": {"kind": "mcp", "id": "demo"},
    }
    assert listed["local_ping"]["source"] == {"kind": "code"}


def test_it_has_capabilities_before_anything_is_published(api: ConfigClient) -> None:
    found = api.get("/v1/capabilities").json()
    assert (found["version"], found["agents"]) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_it_shows_a_write_in_the_very_next_call(api: ConfigClient) -> None:
    api.get("/v1/capabilities")
    api.post("/v1/config/providers", PROVIDER)
    assert api.get("/v1/capabilities").json()["providers"] == [{"id": "openai"}]
    api.post("/v1/config/models", MODEL)
    api.post("/v1/config/agents", AGENT)
    assert api.get("/v1/capabilities").json()["agents"] == ["assistant"]
    api.delete("/v1/config/agents/assistant")
    assert api.get("/v1/capabilities").json()["agents"] == []


@pytest.mark.django_db(transaction=True)
def test_it_keeps_what_runs_use_when_a_write_or_a_trial_is_refused(api: ConfigClient) -> None:
    put_chain()
    live = registry.current()
    api.put("/v1/config/agents/assistant", {**AGENT, "model_id": "gone"})
    api.post("/v1/config/agents/validate", {**AGENT, "id": "other"})
    assert registry.current() is live


# --- diagnostics ---------------------------------------------------------------------------------
def diagnosis(api: ConfigClient, namespace: str, key: str) -> dict[str, Any]:
    found = api.get("/v1/config/diagnostics").json()
    return next(each for each in found[namespace] if each["id"] == key)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_it_diagnoses_every_document(api: ConfigClient) -> None:
    put_chain()
    found = api.get("/v1/config/diagnostics").json()
    DiagnosticsBody.model_validate(found)
    assert (found["version"], found["published"], found["resolves"]) == (3, True, True)
    assert [each["id"] for each in found["agents"]] == ["assistant"]


@pytest.mark.usefixtures("tools")
def test_it_warns_of_what_has_no_effect(api: ConfigClient) -> None:
    put("providers", {**PROVIDER, "api_key": "sk-x"})
    put("models", MODEL)
    put(
        "agents",
        {
            **AGENT,
            "allowed_tools": ["local_ping", "mcp__demo__ping", "gone", "agent_run_assistant"],
            "excluded_tools": ["lost"],
            "allowed_tool_patterns": ["local_*", "nothing_*"],
            "sections": {"reminder": {}},
        },
    )
    assert diagnosis(api, "agents", "assistant") == {
        "id": "assistant",
        "resolves": True,
        "errors": [],
        "warnings": [
            "section 'reminder' has no effect: no loaded plugin reads it",
            "allowed_tools: there is no tool 'gone' at present",
            "allowed_tools: there is no tool 'agent_run_assistant' at present",
            "excluded_tools: there is no tool 'lost' at present",
            "allowed_tool_patterns: 'nothing_*' fits no tool at present",
        ],
    }


def test_it_warns_of_providers_without_a_key(
    api: ConfigClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_chain()
    lack = "no api_key is stored, and the environment has no OPENAI_API_KEY"
    assert diagnosis(api, "providers", "openai")["warnings"] == [lack]
    assert diagnosis(api, "agents", "assistant")["warnings"] == [f"provider 'openai': {lack}"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert diagnosis(api, "providers", "openai")["warnings"] == []


@pytest.mark.parametrize(
    "provider",
    [
        {**PROVIDER, "api_key": "sk-x"},
        {**PROVIDER, "adapter": "ollama"},
        {**PROVIDER, "adapter": "scripted"},
        {**PROVIDER, "adapter_options": {"headers": {"X-Api-Key": "x"}}},
    ],
)
def test_it_does_not_warn_where_no_key_is_missing(
    api: ConfigClient, provider: dict[str, Any]
) -> None:
    put("providers", provider)
    assert diagnosis(api, "providers", "openai")["warnings"] == []


def test_it_tells_a_model_without_its_provider(api: ConfigClient) -> None:
    put("models", MODEL)
    assert diagnosis(api, "models", "default")["errors"] == ["provider not found: openai"]
    assert api.get("/v1/config/diagnostics").json()["resolves"] is False


def test_it_tells_what_was_broken_past_the_services(api: ConfigClient) -> None:
    put_chain()
    Entry.objects.filter(namespace="models").delete()
    Entry.objects.filter(namespace="providers").update(spec={"id": "openai", "adapter": "foo"})
    found = api.get("/v1/config/diagnostics").json()
    assert (found["published"], found["resolves"]) == (False, False)
    assert diagnosis(api, "agents", "assistant")["errors"] == ["model not found: default"]
    assert diagnosis(api, "providers", "openai")["errors"] == ["unsupported provider adapter: foo"]


# --- OpenAPI and hooks ---------------------------------------------------------------------------
def test_it_is_described_without_warnings() -> None:
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        document = SchemaGenerator(patterns=MOUNTED).get_schema(request=None, public=True)
    validate_schema(document)
    assert not GENERATOR_STATS, GENERATOR_STATS._warn_cache
    paths = document["paths"]
    assert paths["/v1/config/{namespace}/$schema"]["get"]["x-scope"] == "config"
    assert paths["/v1/capabilities"]["get"]["x-scope"] == "read"
    patch = paths["/v1/config/{namespace}/{entry_id}"]["patch"]
    assert "409" in patch["responses"]
    assert document["components"]["schemas"]["StoredDocument"]["examples"]


def test_it_asks_a_lister_once_however_often_it_registers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_tools, "_listers", [])
    known_tools.register_lister(lambda registry: [])
    lister = known_tools._listers[0]
    known_tools.register_lister(lister)
    assert known_tools._listers == [lister]
