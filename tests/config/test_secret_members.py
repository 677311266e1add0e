"""Secrets can be written and used, and are never read back (docs/native-api.md)."""

import json
from typing import Any

import pytest
from django.core import serializers
from django.test import override_settings

from agentserver.core.errors import BadRequest
from agentserver.core.secrets import SecretUnreadableError
from config import registry
from config.models import Entry, EntryRevision, Snapshot
from config.selectors import get_entry, redacted_document
from config.services import delete_entry
from tests.config.samples import AGENT, MCP, PROVIDER, publish_changes, put

pytestmark = pytest.mark.django_db

SECRET = "sk-do-not-show-me"
WITH_KEY = {**PROVIDER, "api_key": SECRET}
REMOTE = {"base_url": "https://remote.example"}
HEADERS = {"headers": {"Authorization": f"Bearer {SECRET}", "X-Team": "blue"}}


def shown(namespace: str, key: str) -> dict[str, Any]:
    return redacted_document(get_entry(namespace, key))


def published() -> registry.Registry:
    publish_changes()
    registry.forget()
    return registry.current()


def key_in_use() -> str | None:
    return published().provider_with_secrets("openai").api_key


def token_in_use() -> str | None:
    endpoint = published().agent_with_secrets("assistant").endpoint
    assert endpoint is not None
    return endpoint.auth.token if endpoint.auth else None


@pytest.mark.parametrize(
    ("namespace", "document"),
    [
        ("providers", WITH_KEY),
        ("providers", {**PROVIDER, "adapter_options": HEADERS}),
        ("mcp-servers", {**MCP, "env": {"PLAIN_NAME": SECRET}}),
        ("mcp-servers", {**MCP, "config": {"nested": [{"apiKey": SECRET}]}}),
        ("agents", {**AGENT, "endpoint": {**REMOTE, "bearer_token": SECRET}}),
        ("agents", {**AGENT, "endpoint": {**REMOTE, "options": {"session_token": SECRET}}}),
    ],
)
def test_it_keeps_secrets_out_of_every_row_and_answer(
    namespace: str, document: dict[str, Any]
) -> None:
    entry = put(namespace, document)
    change = {"max_rounds": 3} if namespace == "agents" else {"timeout_secs": 9}
    put(namespace, {**redacted_document(entry), **change})
    rows = [*Entry.objects.all(), *EntryRevision.objects.all(), *Snapshot.objects.all()]
    stored = serializers.serialize("json", rows)
    live = published()
    assert len(rows) >= 5
    assert SECRET not in stored
    assert SECRET not in json.dumps(shown(namespace, document["id"]))
    assert SECRET not in repr([live.agents, live.providers, live.mcp_servers])
    assert SECRET in str(live._reveal(namespace, document["id"]))


def test_it_says_that_there_is_a_key() -> None:
    put("providers", WITH_KEY)
    assert shown("providers", "openai")["has_api_key"] is True
    assert "api_key" not in shown("providers", "openai")


def test_it_says_nothing_when_there_is_no_key() -> None:
    put("providers", PROVIDER)
    assert "has_api_key" not in shown("providers", "openai")


def test_it_hides_keys_from_the_text_form_of_a_spec() -> None:
    put("providers", WITH_KEY)
    assert SECRET not in repr(published().provider_with_secrets("openai"))


def test_it_keeps_a_key_that_a_write_leaves_out() -> None:
    put("providers", WITH_KEY)
    put("providers", {**PROVIDER, "base_url": "https://p.example/v1"})
    assert key_in_use() == SECRET


@pytest.mark.parametrize("cleared", ["", None, "  "])
def test_it_clears_a_key(cleared: str | None) -> None:
    put("providers", WITH_KEY)
    put("providers", {**PROVIDER, "api_key": cleared})
    assert key_in_use() is None
    assert "has_api_key" not in shown("providers", "openai")


def test_it_replaces_a_key() -> None:
    put("providers", WITH_KEY)
    put("providers", {**PROVIDER, "api_key": "sk-new"})
    assert key_in_use() == "sk-new"


def test_it_does_not_hand_the_key_of_a_deleted_entry_to_its_successor() -> None:
    put("providers", WITH_KEY)
    delete_entry(namespace="providers", key="openai", actor="alice")
    put("providers", PROVIDER)
    assert key_in_use() is None


def test_it_lists_the_names_of_an_environment() -> None:
    put("mcp-servers", {**MCP, "env": {"B": "2", "A": "1"}})
    found = shown("mcp-servers", "tools")
    assert (found["has_env"], found["env_keys"]) == (True, ["A", "B"])
    assert "env" not in found


@pytest.mark.parametrize(
    ("sent", "kept"),
    [({}, {"A/~": "1"}), ({"env": {"C": "3"}}, {"C": "3"}), ({"env": {}}, {})],
)
def test_it_keeps_or_replaces_an_environment(sent: dict[str, Any], kept: dict[str, str]) -> None:
    put("mcp-servers", {**MCP, "env": {"A/~": "1"}})
    put("mcp-servers", {**MCP, **sent})
    assert published().mcp_server_with_secrets("tools").env == kept


def test_it_refuses_a_null_environment() -> None:
    with pytest.raises(BadRequest, match=r"^invalid payload: env: "):
        put("mcp-servers", {**MCP, "env": None})


CREDENTIALS = {"issuer": "https://login.example", "client_id": "me"}


@pytest.mark.parametrize(
    ("auth", "kept"),
    [
        ({}, SECRET),
        ({"has_client_secret": True}, SECRET),
        ({"client_secret": "[redacted]"}, SECRET),
        ({"client_secret": "new"}, "new"),
        ({"client_secret": ""}, None),
        ({"client_secret": None}, None),
    ],
)
def test_it_keeps_or_replaces_the_secret_of_an_oauth_client(
    auth: dict[str, Any], kept: str | None
) -> None:
    put("mcp-servers", {**MCP, "auth": {**CREDENTIALS, "client_secret": SECRET}})
    put("mcp-servers", {**MCP, "auth": {**CREDENTIALS, **auth}})
    published_auth = published().mcp_server_with_secrets("tools").auth
    assert published_auth
    assert published_auth.client_secret == kept


def test_it_refuses_an_oauth_client_for_a_process() -> None:
    document = {"id": "tools", "transport": "stdio", "command": "x", "auth": CREDENTIALS}
    with pytest.raises(BadRequest, match="auth is for mcp servers with a url"):
        put("mcp-servers", document)


def test_it_refuses_an_issuer_out_of_reach() -> None:
    auth = {**CREDENTIALS, "issuer": "http://127.0.0.1"}
    with pytest.raises(BadRequest, match=r"^invalid payload: auth\.issuer: "):
        put("mcp-servers", {**MCP, "auth": auth})


def test_it_shows_that_an_endpoint_has_a_token() -> None:
    put("agents", {**AGENT, "endpoint": {**REMOTE, "bearer_token": SECRET}})
    auth = shown("agents", "assistant")["endpoint"]["auth"]
    assert auth == {"type": "bearer", "has_token": True}


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ({}, SECRET),
        ({"auth": {"type": "bearer"}}, SECRET),
        ({"auth": {"type": "bearer", "has_token": True}}, SECRET),
        ({"auth": {"type": "bearer", "token": "new"}}, "new"),
        ({"auth": {"type": "bearer", "token": ""}}, None),
        ({"auth": {"type": "bearer", "token": None}}, None),
        ({"auth": None}, None),
        ({"bearer_token": "new"}, "new"),
        ({"bearer_token": None}, None),
        ({"agent_id": "helper"}, SECRET),
    ],
)
def test_it_treats_an_endpoints_token_like_a_key(
    endpoint: dict[str, Any], token: str | None
) -> None:
    put("agents", {**AGENT, "endpoint": {**REMOTE, "bearer_token": SECRET}})
    put("agents", {**AGENT, "endpoint": {**REMOTE, **endpoint}})
    assert token_in_use() == token


def test_it_shows_the_place_of_a_secret_header_and_takes_it_back() -> None:
    put("providers", {**PROVIDER, "adapter_options": HEADERS})
    found = shown("providers", "openai")
    assert found["adapter_options"] == {
        "headers": {"Authorization": "[redacted]", "X-Team": "blue"}
    }
    put("providers", {**found, "timeout_secs": 7})
    assert published().provider_with_secrets("openai").adapter_options == HEADERS


def test_it_refuses_a_placeholder_for_nothing() -> None:
    options = {"headers": {"Authorization": "[redacted]"}}
    with pytest.raises(BadRequest) as caught:
        put("providers", {**PROVIDER, "adapter_options": options})
    assert caught.value.message == (
        "invalid payload: adapter_options.headers.Authorization: "
        "[redacted] stands for no stored value"
    )


def test_it_leaves_limits_of_tokens_readable() -> None:
    options = {"max_tokens": 4096, "use_token_cache": True}
    put("providers", {**PROVIDER, "adapter_options": options})
    assert shown("providers", "openai")["adapter_options"] == options


def test_it_publishes_a_changed_key_and_only_that() -> None:
    put("providers", WITH_KEY)
    put("providers", WITH_KEY)
    assert Snapshot.objects.count() == 1
    put("providers", {**PROVIDER, "api_key": "sk-new"})
    assert Snapshot.objects.count() == 2


def test_it_does_not_lose_a_key_it_cannot_read() -> None:
    put("providers", WITH_KEY)
    with override_settings(SECRET_KEY="another"):
        with pytest.raises(SecretUnreadableError):
            put("providers", {**PROVIDER, "timeout_secs": 5})
        put("providers", {**PROVIDER, "api_key": "sk-new"})
        assert key_in_use() == "sk-new"


def test_it_deletes_an_entry_whose_key_it_cannot_read() -> None:
    put("providers", WITH_KEY)
    with override_settings(SECRET_KEY="another"):
        delete_entry(namespace="providers", key="openai", actor="alice")
    assert not Entry.objects.exists()
