"""Secrets go in and never come out: not in answers, history, diagnosis, errors or logs."""

from typing import Any

import pytest

from config.models import Entry, EntryRevision, Snapshot
from config.selectors import get_entry
from config.store import stored_secrets
from tests.config.conftest import ConfigClient
from tests.config.samples import AGENT, MCP, PROVIDER

pytestmark = pytest.mark.django_db

SECRET = "sk-do-not-show-me"
OPENAI = "/v1/config/providers/openai"
HEADERS = {"headers": {"Authorization": f"Bearer {SECRET}", "X-Team": "blue"}}
CREDENTIALS = {
    "issuer": "https://login.example",
    "client_id": "me",
    "client_secret": SECRET,
}
ENDPOINT = {"base_url": "https://remote.example", "auth": {"type": "bearer", "token": SECRET}}
DOCUMENTS = [
    ("providers", {**PROVIDER, "api_key": SECRET, "adapter_options": HEADERS}),
    ("mcp-servers", {**MCP, "env": {"NAME": SECRET}, "config": {"deep": [{"apiKey": SECRET}]}}),
    ("mcp-servers", {**MCP, "auth": CREDENTIALS}),
    ("agents", {**AGENT, "endpoint": ENDPOINT}),
]


def secrets_of(namespace: str, key: str) -> dict[str, Any]:
    return stored_secrets(get_entry(namespace, key))


def everything_answered(api: ConfigClient, namespace: str, document: dict[str, Any]) -> list[Any]:
    path = f"/v1/config/{namespace}/{document['id']}"
    return [
        api.post(f"/v1/config/{namespace}/validate", document),
        api.post(f"/v1/config/{namespace}", document),
        api.post(f"/v1/config/{namespace}", document),
        api.put(path, document),
        api.patch(path, {"id": document["id"]}),
        api.put(path, {**document, "revision": 99}),
        api.put(path, {**document, "config": SECRET, "adapter_options": SECRET, "x": SECRET}),
        api.get(path),
        api.get(f"/v1/config/{namespace}"),
        api.get(f"{path}/meta"),
        api.get("/v1/agents"),
        api.get("/v1/capabilities"),
        api.get("/v1/config/diagnostics"),
        api.delete(path),
        api.get(f"{path}/revisions"),
        api.post(f"{path}/restore", {"revision": 1}),
        api.get("/v1/audit-log"),
    ]


@pytest.mark.parametrize(("namespace", "document"), DOCUMENTS)
def test_it_never_answers_a_secret(
    api: ConfigClient, caplog: Any, namespace: str, document: dict[str, Any]
) -> None:
    caplog.set_level("DEBUG")
    answers = everything_answered(api, namespace, document)
    assert all(answer.status_code < 500 for answer in answers)
    for answer in answers:
        assert SECRET not in answer.content.decode() + str(answer.headers)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(("namespace", "document"), DOCUMENTS)
def test_it_stores_no_secret_in_the_clear(
    api: ConfigClient, namespace: str, document: dict[str, Any]
) -> None:
    everything_answered(api, namespace, document)
    assert SECRET in str(secrets_of(namespace, document["id"]))
    for rows in (Entry.objects, EntryRevision.objects, Snapshot.objects):
        assert SECRET not in str(list(rows.values()))


def test_it_flags_a_stored_key(api: ConfigClient) -> None:
    assert api.post("/v1/config/providers", PROVIDER).json().get("has_api_key") is None
    found = api.put(OPENAI, {**PROVIDER, "api_key": SECRET}).json()
    assert found["has_api_key"] is True
    assert "api_key" not in found


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ({}, SECRET),
        ({"api_key": "[redacted]"}, SECRET),
        ({"api_key": ""}, None),
        ({"api_key": None}, None),
        ({"api_key": "other"}, "other"),
    ],
)
@pytest.mark.parametrize("verb", ["put", "patch"])
def test_it_keeps_clears_and_replaces_a_key(
    api: ConfigClient, verb: str, body: dict[str, Any], stored: str | None
) -> None:
    api.put(OPENAI, {**PROVIDER, "api_key": SECRET})
    assert api.send(verb, OPENAI, {**PROVIDER, **body}, {}).status_code == 200
    assert secrets_of("providers", "openai").get("/api_key") == stored


def test_it_refuses_a_placeholder_for_no_stored_key(api: ConfigClient) -> None:
    answer = api.put(OPENAI, {**PROVIDER, "api_key": "[redacted]"})
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "invalid payload: api_key: [redacted] stands for no stored value"
    )


def test_it_names_the_variables_of_an_environment(api: ConfigClient) -> None:
    path = "/v1/config/mcp-servers/tools"
    found = api.put(path, {**MCP, "env": {"B": SECRET, "A": "1"}}).json()
    assert (found["has_env"], found["env_keys"]) == (True, ["A", "B"])
    assert api.put(path, MCP).json()["env_keys"] == ["A", "B"]
    assert "has_env" not in api.put(path, {**MCP, "env": {}}).json()
    assert api.put(path, {**MCP, "env": None}).status_code == 400


def test_it_patches_single_variables(api: ConfigClient) -> None:
    path = "/v1/config/mcp-servers/tools"
    api.put(path, {**MCP, "env": {"A": SECRET, "B": "2"}})
    found = api.patch(path, {"env": {"B": None, "C": "3"}}).json()
    assert found["env_keys"] == ["A", "C"]
    assert secrets_of("mcp-servers", "tools") == {"/env/A": SECRET, "/env/C": "3"}


def test_it_patches_around_the_token_of_an_endpoint(api: ConfigClient) -> None:
    path = "/v1/config/agents/assistant"
    api.put(path, {**AGENT, "endpoint": ENDPOINT})
    found = api.patch(path, {"endpoint": {"target": "other"}}).json()
    assert found["endpoint"]["auth"] == {"type": "bearer", "has_token": True}
    assert secrets_of("agents", "assistant") == {"/endpoint/auth/token": SECRET}
    found = api.patch(path, {"endpoint": {"auth": {"token": None}}}).json()
    assert "auth" not in found["endpoint"]
    assert secrets_of("agents", "assistant") == {}


def test_it_patches_around_the_secret_of_an_oauth_client(api: ConfigClient) -> None:
    path = "/v1/config/mcp-servers/tools"
    api.put(path, {**MCP, "auth": CREDENTIALS})
    found = api.patch(path, {"auth": {"scope": "a b"}}).json()["auth"]
    assert (found["scope"], found["has_client_secret"]) == ("a b", True)
    assert secrets_of("mcp-servers", "tools") == {"/auth/client_secret": SECRET}
    assert "auth" not in api.patch(path, {"auth": None}).json()
    assert secrets_of("mcp-servers", "tools") == {}


def test_it_restores_a_secret_with_its_document(api: ConfigClient) -> None:
    api.put(OPENAI, {**PROVIDER, "api_key": SECRET})
    api.put(OPENAI, {**PROVIDER, "api_key": "other"})
    api.post(f"{OPENAI}/restore", {"revision": 1})
    assert secrets_of("providers", "openai") == {"/api_key": SECRET}
