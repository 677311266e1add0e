"""The configuration as YAML: readable, stable, without secrets, and back again unchanged."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentserver.core.errors import BadRequest
from config.exchange import export_documents, from_yaml, to_yaml
from config.seeding import seed_builtin
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER, put, put_chain

SECRET = "sk-do-not-show-me"


def exported(*namespaces: str, **options: Any) -> str:
    return to_yaml(export_documents(namespaces, **options) if namespaces else export_documents())


@pytest.mark.django_db
def test_it_reads_well() -> None:
    put("providers", {**PROVIDER, "api_key": SECRET})
    put("models", MODEL)
    prompt = "You help.\n\nBe brief: say no more than\n  - what is asked\n"
    put(
        "agents",
        {
            **AGENT,
            "system_prompt": prompt,
            "allowed_tools": ["add", "ask"],
            "sections": {"retry": {"max_retries": 3}},
            "stop_conditions": [{"type": "timeout", "seconds": 60}],
        },
    )
    assert exported() == (
        "providers:\n"
        "  - id: openai\n"
        "    adapter: openai\n"
        "    api_key: '[redacted]'\n"
        "models:\n"
        "  - id: default\n"
        "    provider_id: openai\n"
        "    upstream_model: gpt-4o-mini\n"
        "mcp-servers: []\n"
        "agents:\n"
        "  - id: assistant\n"
        "    model_id: default\n"
        "    system_prompt: |\n"
        "      You help.\n"
        "\n"
        "      Be brief: say no more than\n"
        "        - what is asked\n"
        "    allowed_tools:\n"
        "      - add\n"
        "      - ask\n"
        "    stop_conditions:\n"
        "      - type: timeout\n"
        "        seconds: 60\n"
        "    sections:\n"
        "      retry:\n"
        "        max_retries: 3\n"
    )


@pytest.mark.django_db
def test_it_exports_chosen_namespaces_by_id() -> None:
    for key in ("b", "a"):
        put("providers", {**PROVIDER, "id": key})
    text = exported("providers")
    assert from_yaml(text) == {
        "providers": [{"id": "a", "adapter": "openai"}, {"id": "b", "adapter": "openai"}]
    }


@pytest.mark.django_db
def test_it_exports_no_secret() -> None:
    headers = {"headers": {"Authorization": SECRET, "X-Team": "blue"}}
    endpoint = {"base_url": "https://r.example", "auth": {"type": "bearer", "token": SECRET}}
    put("providers", {**PROVIDER, "api_key": SECRET, "adapter_options": headers})
    put("mcp-servers", {**MCP, "env": {"A": SECRET}, "config": {"apiKey": SECRET}})
    put("agents", {**AGENT, "endpoint": endpoint})
    found = export_documents()
    assert SECRET not in to_yaml(found)
    assert found["providers"][0]["adapter_options"]["headers"] == {
        "Authorization": "[redacted]",
        "X-Team": "blue",
    }
    assert found["mcp-servers"][0]["env"] == {"A": "[redacted]"}
    assert found["agents"][0]["endpoint"]["auth"] == {"token": "[redacted]"}


@pytest.mark.django_db
def test_it_leaves_out_what_the_code_says_already() -> None:
    seed_builtin({"providers": [PROVIDER], "models": [MODEL], "agents": [AGENT]})
    assert export_documents()["agents"] == []
    assert len(export_documents(builtin=True)["agents"]) == 1
    put("agents", {**AGENT, "max_rounds": 3})
    assert export_documents()["agents"] == [{**AGENT, "max_rounds": 3}]


@pytest.mark.django_db
def test_it_writes_the_same_text_each_time() -> None:
    put_chain()
    first = exported()
    put("agents", {**AGENT, "max_rounds": 3})
    put("agents", AGENT)
    assert exported() == first


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
LINES = st.lists(st.text("ab :#-|>'\"\t\\", max_size=6), min_size=1, max_size=5).map("\n".join)


@given(JSON | LINES | st.text("\n\r\x85\u2028\ufeff ab"))
def test_it_brings_every_value_back(value: Any) -> None:
    documents = {"agents": [{"id": "a", "sections": {"x": value, "y": [value]}}]}
    assert from_yaml(to_yaml(documents)) == documents


@pytest.mark.parametrize("text", ["2024-01-01", "yes", "1:30", "0x1f", "null", "~", "1e3", "[x]"])
def test_it_brings_texts_back_that_look_like_something_else(text: str) -> None:
    documents = {"models": [{"id": text, "knowledge_cutoff": text}]}
    assert from_yaml(to_yaml(documents)) == documents


def test_it_reads_a_date_as_the_text_it_is() -> None:
    found = from_yaml("models:\n  - id: m\n    knowledge_cutoff: 2024-01-01\n")
    assert found["models"][0]["knowledge_cutoff"] == "2024-01-01"


def test_it_reads_an_empty_namespace() -> None:
    assert from_yaml("agents:\n") == {"agents": []}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected lists of documents"),
        ("- a", "expected lists of documents"),
        ("agents: [", "not YAML"),
        ("foo: []", "unknown namespace: foo"),
        ("1: []", "unknown namespace: 1"),
        ("agents: {}", "agents: expected a list of documents"),
        ("agents: [5]", "agents: document 1 is not a JSON object"),
        ("agents: [{id: a, 5: b}]", "agents: document 1 is not a JSON object"),
        ("agents: [{id: a, x: !!binary aGk=}]", "agents: document 1 is not a JSON object"),
        ("agents: [{id: a}, {id: a}]", "agents: a is there twice"),
        ("agents: [{id: a, id: b}]", "'id' is there twice"),
        ("agents: []\nagents: []", "'agents' is there twice"),
        ("agents: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_it_refuses_other_files(text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        from_yaml(text)
