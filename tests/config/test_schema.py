"""JSON Schemas of the namespaces."""

import pytest
from jsonschema import Draft202012Validator

from agentserver.core.errors import NotFound
from config.schema import namespace_schema
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER

TITLES = {
    "agents": "AgentSpec",
    "models": "ModelBindingSpec",
    "providers": "ProviderSpec",
    "mcp-servers": "McpServerSpec",
}


@pytest.mark.parametrize(("namespace", "title"), TITLES.items())
def test_it_is_a_valid_schema_with_the_documented_title(namespace: str, title: str) -> None:
    schema = namespace_schema(namespace)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == title


@pytest.mark.parametrize(
    ("namespace", "closed"),
    [("agents", True), ("models", True), ("providers", False), ("mcp-servers", False)],
)
def test_it_closes_the_documents_that_refuse_unknown_members(namespace: str, closed: bool) -> None:
    assert (namespace_schema(namespace).get("additionalProperties") is False) is closed


@pytest.mark.parametrize(
    ("namespace", "document"),
    [("agents", AGENT), ("models", MODEL), ("providers", PROVIDER), ("mcp-servers", MCP)],
)
def test_it_accepts_a_valid_document(namespace: str, document: dict[str, object]) -> None:
    assert Draft202012Validator(namespace_schema(namespace)).is_valid(document)


def test_it_marks_secrets_as_write_only() -> None:
    assert namespace_schema("providers")["properties"]["api_key"]["writeOnly"] is True
    assert namespace_schema("mcp-servers")["properties"]["env"]["writeOnly"] is True
    auth = namespace_schema("agents")["$defs"]["BearerAuth"]
    assert auth["properties"]["token"]["writeOnly"] is True


def test_it_requires_the_three_texts_of_a_model() -> None:
    assert namespace_schema("models")["required"] == ["id", "provider_id", "upstream_model"]


def test_it_knows_four_namespaces_only() -> None:
    with pytest.raises(NotFound, match="unknown namespace: foo"):
        namespace_schema("foo")
