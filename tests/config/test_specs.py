"""Forms and defaults of the four kinds of documents (docs/native-api.md)."""

from typing import Any

import pytest

from agentserver.core.errors import BadRequest
from config.adapters import SUPPORTED_ADAPTERS
from config.documents import normalise, read_body
from config.namespaces import NAMESPACES
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER

CONTEXT = {
    "max_context_tokens": 200000,
    "max_output_tokens": 16384,
    "min_recent_messages": 10,
    "enable_prompt_cache": True,
}


def stored(namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    document = normalise(NAMESPACES[namespace], read_body(body, path_id=None), stored={})
    return document.full()


def refusal(namespace: str, body: dict[str, Any]) -> str:
    with pytest.raises(BadRequest) as caught:
        stored(namespace, body)
    return caught.value.message


def test_it_fills_in_an_agents_defaults() -> None:
    assert stored("agents", AGENT) == {
        **AGENT,
        "description": None,
        "max_rounds": 16,
        "max_continuation_retries": 2,
        "context_policy": None,
        "reasoning_effort": None,
        "plugin_ids": [],
        "active_hook_filter": [],
        "allowed_tools": None,
        "excluded_tools": None,
        "allowed_tool_patterns": [],
        "excluded_tool_patterns": [],
        "stop_conditions": [],
        "endpoint": None,
        "delegates": [],
        "sections": {},
        "registry": None,
    }


def test_it_fills_in_a_providers_defaults() -> None:
    assert stored("providers", PROVIDER) == {
        **PROVIDER,
        "base_url": None,
        "timeout_secs": 300,
        "adapter_options": {},
    }


def test_it_fills_in_an_mcp_servers_defaults() -> None:
    assert stored("mcp-servers", MCP) == {
        **MCP,
        "command": None,
        "args": [],
        "config": {},
        "timeout_secs": 30,
        "env": {},
        "headers": {},
        "auth": None,
        "tools": {"allow": None, "deny": [], "require_approval": False},
        "restart_policy": {
            "enabled": False,
            "max_attempts": None,
            "delay_ms": 1000,
            "backoff_multiplier": 2.0,
            "max_delay_ms": 30000,
        },
    }


def test_it_fills_in_a_context_policys_optional_members() -> None:
    found = stored("agents", {**AGENT, "context_policy": CONTEXT})["context_policy"]
    assert found == {
        **CONTEXT,
        "autocompact_threshold": None,
        "compaction_mode": "keep_recent_raw_suffix",
        "compaction_raw_suffix_messages": 2,
    }


@pytest.mark.parametrize("missing", sorted(CONTEXT))
def test_it_requires_the_four_numbers_of_a_context_policy(missing: str) -> None:
    policy = {name: value for name, value in CONTEXT.items() if name != missing}
    message = refusal("agents", {**AGENT, "context_policy": policy})
    assert message == f"invalid payload: context_policy.{missing}: Field required"


@pytest.mark.parametrize("effort", ["none", "low", "medium", "high", "max", {"budget": 2048}, None])
def test_it_accepts_the_reasoning_efforts(effort: object) -> None:
    found = stored("agents", {**AGENT, "reasoning_effort": effort})
    assert found["reasoning_effort"] == effort


@pytest.mark.parametrize("effort", ["extreme", 5, {"budget": "many"}, {"budget": 0}])
def test_it_refuses_other_reasoning_efforts(effort: object) -> None:
    assert refusal("agents", {**AGENT, "reasoning_effort": effort}).startswith(
        "invalid payload: reasoning_effort"
    )


def test_it_reads_active_plugins_as_the_hook_filter() -> None:
    found = stored("agents", {**AGENT, "active_plugins": ["b", "a", "b"]})
    assert found["active_hook_filter"] == ["a", "b"]


@pytest.mark.parametrize("field", ["model", "temperature"])
def test_it_refuses_unknown_members_of_an_agent(field: str) -> None:
    message = refusal("agents", {**AGENT, field: "x"})
    assert message == f"invalid payload: {field}: Extra inputs are not permitted"


@pytest.mark.parametrize("field", ["model", "provider"])
def test_it_refuses_legacy_members_of_a_model(field: str) -> None:
    message = refusal("models", {**MODEL, field: "x"})
    assert message == f"invalid payload: {field}: Extra inputs are not permitted"


@pytest.mark.parametrize(("namespace", "body"), [("providers", PROVIDER), ("mcp-servers", MCP)])
def test_it_drops_unknown_members_elsewhere(namespace: str, body: dict[str, Any]) -> None:
    assert "surprise" not in stored(namespace, {**body, "surprise": 1})


@pytest.mark.parametrize("value", ["16", 16.0, True, -1, None])
def test_it_does_not_coerce_numbers(value: object) -> None:
    message = refusal("agents", {**AGENT, "max_rounds": value})
    assert message.startswith("invalid payload: max_rounds: ")


@pytest.mark.parametrize("key", ["$schema", "meta", "validate", "diagnostics"])
def test_it_reserves_the_ids_of_sub_routes(key: str) -> None:
    message = refusal("models", {**MODEL, "id": key})
    assert message == f"invalid payload: the id '{key}' is reserved"


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a\x00b", "x" * 256])
def test_it_refuses_ids_that_do_not_fit_a_url(key: str) -> None:
    assert refusal("models", {**MODEL, "id": key}).startswith("invalid payload: an id has 1 to 255")


def test_it_rewrites_a_legacy_endpoint() -> None:
    legacy = {
        "base_url": "https://remote.example",
        "bearer_token": "t0k3n",
        "agent_id": "helper",
        "poll_interval_ms": 250,
    }
    assert stored("agents", {**AGENT, "endpoint": legacy})["endpoint"] == {
        "backend": "a2a",
        "base_url": "https://remote.example",
        "auth": {"type": "bearer", "token": "t0k3n"},
        "target": "helper",
        "timeout_ms": 300000,
        "options": {"poll_interval_ms": 250},
    }


def test_it_refuses_an_endpoint_of_both_forms() -> None:
    endpoint = {"base_url": "https://x.example", "bearer_token": "t", "target": "helper"}
    assert refusal("agents", {**AGENT, "endpoint": endpoint}) == (
        "invalid payload: endpoint mixes legacy members with target"
    )


def test_it_requires_an_endpoints_address() -> None:
    assert refusal("agents", {**AGENT, "endpoint": {"backend": "a2a"}}) == (
        "invalid payload: endpoint.base_url: Field required"
    )


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        *((name, name) for name in SUPPORTED_ADAPTERS),
        ("OpenAI", "openai"),
        ("openai-resp", "openai_resp"),
        ("Responses", "openai_resp"),
        ("mock", "scripted"),
        ("scripted", "scripted"),
    ],
)
def test_it_stores_adapters_by_their_canonical_name(written: str, canonical: str) -> None:
    assert stored("providers", {**PROVIDER, "adapter": written})["adapter"] == canonical


def test_it_never_advertises_the_scripted_adapter() -> None:
    assert "scripted" not in SUPPORTED_ADAPTERS


@pytest.mark.parametrize("namespace", ["providers", "mcp-servers"])
def test_it_raises_a_timeout_of_zero_to_one_second(namespace: str) -> None:
    body = {**(PROVIDER if namespace == "providers" else MCP), "timeout_secs": 0}
    assert stored(namespace, body)["timeout_secs"] == 1


@pytest.mark.parametrize("command", [None, "", "  "])
def test_it_requires_a_command_for_stdio(command: str | None) -> None:
    body = {"id": "files", "transport": "stdio", "command": command}
    assert refusal("mcp-servers", body) == (
        "invalid payload: stdio mcp server requires a non-empty command"
    )


@pytest.mark.parametrize("url", [None, "", "  "])
def test_it_requires_a_url_for_http(url: str | None) -> None:
    body = {"id": "files", "transport": "http", "url": url}
    assert refusal("mcp-servers", body) == (
        "invalid payload: http mcp server requires a non-empty url"
    )


@pytest.mark.parametrize(
    "member",
    [
        {"context_window": 0},
        {"max_output_tokens": 0},
        {"context_window": 10, "max_output_tokens": 11},
        {"knowledge_cutoff": "2025-13"},
        {"knowledge_cutoff": "2025-02-30"},
        {"knowledge_cutoff": "2025"},
        {"input_token_price_per_million_usd": -0.1},
        {"output_token_price_per_million_usd": float("inf")},
        {"modalities": {"input": ["smell"]}},
    ],
)
def test_it_refuses_impossible_models(member: dict[str, Any]) -> None:
    assert refusal("models", {**MODEL, **member}).startswith("invalid payload: ")


@pytest.mark.parametrize("cutoff", ["2025-04", "2024-02-29"])
def test_it_accepts_a_month_or_a_day_as_cutoff(cutoff: str) -> None:
    assert stored("models", {**MODEL, "knowledge_cutoff": cutoff})["knowledge_cutoff"] == cutoff


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "max_rounds", "rounds": 3},
        {"type": "timeout", "seconds": 60},
        {"type": "token_budget", "max_total": 1000},
        {"type": "consecutive_errors", "max": 2},
        {"type": "stop_on_tool", "tool_name": "finish"},
        {"type": "content_match", "pattern": "DONE"},
        {"type": "loop_detection", "window": 3},
    ],
)
def test_it_accepts_every_stop_condition(condition: dict[str, Any]) -> None:
    found = stored("agents", {**AGENT, "stop_conditions": [condition]})
    assert found["stop_conditions"] == [condition]


def test_it_refuses_an_unknown_stop_condition() -> None:
    body = {**AGENT, "stop_conditions": [{"type": "moon_phase"}]}
    assert refusal("agents", body).startswith("invalid payload: stop_conditions.0: ")


def test_it_refuses_documents_nested_too_deeply() -> None:
    deep: Any = {}
    for _ in range(2000):
        deep = {"a": deep}
    assert refusal("agents", {**AGENT, "sections": deep}) == (
        "invalid payload: nested more than 64 levels deep"
    )


def test_it_never_repeats_the_input_in_an_error() -> None:
    message = refusal("providers", {**PROVIDER, "api_key": ["sk-hidden"]})
    assert "sk-hidden" not in message
