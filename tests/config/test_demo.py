"""The demo agents: valid documents on valid scripts, and an assistant that follows the keys."""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from config import registry
from config.defaults import declared_in
from config.permission import decide
from config.seeding import seed_builtin
from runs.demo import agents
from runs.demo.scripts import SCRIPTS
from runs.providers import ModelChoice, ProviderSettings
from runs.providers.script_spec import DelayAction, ScriptSpec, TextAction
from runs.providers.scripted import script_of

AGENTS = {
    "assistant",
    "default",
    "demo-a2a",
    "demo-approval",
    "demo-echo",
    "demo-error",
    "demo-frontend",
    "demo-slow",
    "demo-tool",
}


@pytest.fixture
def reload_agents(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Reads the module again under the environment of the test, and once more after it."""
    yield lambda: importlib.reload(agents)
    monkeypatch.undo()
    importlib.reload(agents)


def seeded(module: ModuleType = agents) -> registry.Registry:
    documents: dict[str, list[Any]] = {}
    for namespace, document in declared_in(module):
        documents.setdefault(namespace, []).append(document)
    seed_builtin(documents)
    registry.forget()
    return registry.current()


@pytest.mark.django_db
def test_it_seeds_all_demo_agents() -> None:
    assert set(seeded().agents) == AGENTS


@pytest.mark.django_db
@pytest.mark.parametrize("agent_id", sorted(AGENTS))
def test_it_gives_each_agent_a_script_that_the_provider_reads(agent_id: str) -> None:
    live = seeded()
    model = live.model_for(live.agent(agent_id))
    provider = live.provider_with_secrets(model.provider_id)
    choice = ModelChoice(
        upstream_model=model.upstream_model,
        provider=ProviderSettings(
            id=provider.id, adapter=provider.adapter, adapter_options=provider.adapter_options
        ),
    )
    assert script_of(choice).root


@pytest.mark.django_db
def test_it_asks_before_deleting() -> None:
    section = seeded().agent("demo-approval").plugin_section("permission")
    assert section is not None
    assert decide(section, "demo_delete_file", {"path": "x"}).behavior == "ask"
    assert decide(section, "demo_add", {}).behavior == "allow"


def test_it_streams_slowly_for_more_than_four_seconds() -> None:
    (rule,) = ScriptSpec.model_validate(SCRIPTS["slow"]).root
    (action,) = rule.reply
    assert isinstance(action, TextAction)
    assert not isinstance(action, DelayAction)
    assert len(action.pieces(action.text)) * action.delay_ms >= 4000


@pytest.mark.parametrize(
    ("variable", "adapter", "upstream"),
    [
        ("OPENAI_API_KEY", "openai", "gpt-5-mini"),
        ("ANTHROPIC_API_KEY", "anthropic", "claude-haiku-4-5"),
        ("GEMINI_API_KEY", "gemini", "gemini-2.5-flash"),
    ],
)
@pytest.mark.django_db
def test_it_runs_the_assistant_on_the_provider_there_is_a_key_for(
    monkeypatch: pytest.MonkeyPatch, reload_agents: Any, variable: str, adapter: str, upstream: str
) -> None:
    monkeypatch.setenv(variable, "sk-test")
    live = seeded(reload_agents())
    model = live.model_for(live.agent("assistant"))
    assert (model.provider_id, model.upstream_model) == (adapter, upstream)
    assert live.providers[adapter].adapter == adapter
    assert live.provider_with_secrets(adapter).api_key is None


@pytest.mark.django_db
def test_it_takes_another_model_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, reload_agents: Any
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("AGENTSERVER_DEMO_MODEL", "local-model")
    live = seeded(reload_agents())
    assert live.model_for(live.agent("assistant")).upstream_model == "local-model"


def test_it_tells_how_to_set_a_key_without_one() -> None:
    assert "OPENAI_API_KEY" in SCRIPTS["no-key"][0]["reply"][0]["text"]
