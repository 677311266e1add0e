"""Agent cards: what is in them, who gets which, and that copies of them stay true."""

from typing import Any

import pytest
from django.test import Client
from django.test.utils import override_script_prefix

from agentserver.access.services import create_key
from config import registry
from config.services import delete_entry, put_entry
from tests.access.walk import build
from tests.api.conftest import JsonClient
from tests.faces.a2a_http import BASE, refused, result, rpc, rpc_refused
from tests.faces.a2a_oracle import CARD, judge

pytestmark = pytest.mark.django_db

PATH = "/.well-known/agent-card.json"
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def agents() -> None:
    build()


@pytest.fixture
def extended(settings: Any) -> None:
    settings.AGENTSERVER_A2A_EXTENDED_CARD = True


@pytest.fixture
def holder(settings: Any) -> JsonClient:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    _, token = create_key(name="card", scopes=["read"])
    return JsonClient(
        Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})
    )


def card(client: Any, **headers: str) -> Json:
    answer = client.get(PATH, headers=headers)
    assert answer.status_code == 200
    return judge(CARD, answer.json())


def add_agent(agent_id: str, **members: Any) -> None:
    document = {"id": agent_id, "model_id": "assistant", "system_prompt": "", **members}
    put_entry(namespace="agents", document=document, actor="test")
    registry.forget()


# --- what is in it --------------------------------------------------------------------------------
def test_it_offers_both_bindings_rest_first(client: Client) -> None:
    interfaces = card(client)["supportedInterfaces"]
    assert [each["protocolBinding"] for each in interfaces] == ["HTTP+JSON", "JSONRPC"]
    assert {each["url"] for each in interfaces} == {"http://testserver/v1/a2a"}
    assert {each["protocolVersion"] for each in interfaces} == {"1.0"}
    assert not any("tenant" in each for each in interfaces)


def test_it_takes_the_address_from_the_request(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["agents.example"]
    found = card(client, host="agents.example:8443")
    assert found["supportedInterfaces"][0]["url"] == "http://agents.example:8443/v1/a2a"


def test_it_knows_below_which_path_it_is_served() -> None:
    with override_script_prefix("/agents/"):
        interface = card(Client())["supportedInterfaces"][0]
    assert interface["url"] == "http://testserver/agents/v1/a2a"


def test_it_answers_to_who_asks_for_the_headers_only(client: Client) -> None:
    answer = client.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["ETag"] == client.get(PATH)["ETag"]


def test_it_believes_a_proxy_only_when_told_to(client: Client, settings: Any) -> None:
    def url() -> str:
        found = card(client, **{"X-Forwarded-Proto": "https"})
        return str(found["supportedInterfaces"][0]["url"])

    assert url().startswith("http:")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert url().startswith("https:")


def test_it_takes_the_public_address_before_that_of_the_request(
    client: Client, settings: Any
) -> None:
    settings.AGENTSERVER_PUBLIC_URL = "https://agents.example/"
    found = card(client)
    assert found["supportedInterfaces"][0]["url"] == "https://agents.example/v1/a2a"
    assert found["provider"]["url"] == "https://agents.example"


def test_it_has_a_skill_for_each_agent(client: Client) -> None:
    section = {"name": "Cook", "tags": ["food"], "examples": ["Bake a cake"]}
    add_agent("zz-cook", description="Cooks.", sections={"a2a": section})
    plain, cook = card(client)["skills"]
    assert plain == {
        "id": "assistant",
        "name": "assistant",
        "description": "The agent assistant.",
        "tags": ["agent"],
    }
    assert cook == {
        "id": "zz-cook",
        "name": "Cook",
        "description": "Cooks.",
        "tags": ["food"],
        "examples": ["Bake a cake"],
    }


def test_it_says_what_it_can_do(client: Client) -> None:
    found = card(client)
    assert found["capabilities"] == {
        "streaming": True,
        "pushNotifications": True,
        "extendedAgentCard": False,
    }
    assert "text/plain" in found["defaultInputModes"]
    assert "text/plain" in found["defaultOutputModes"]


def test_it_asks_for_keys_only_where_they_are_required(client: Client, settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False
    assert not {"securitySchemes", "securityRequirements"} & card(client).keys()
    settings.AGENTSERVER_REQUIRE_KEYS = True
    found = card(client)
    scheme = found["securitySchemes"]["apiKey"]["httpAuthSecurityScheme"]
    assert scheme["scheme"] == "Bearer"
    assert found["securityRequirements"] == [{"schemes": {"apiKey": {"list": []}}}]


def test_it_says_how_to_get_the_extended_card_of_an_open_server(
    extended: None, client: Client, settings: Any
) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False
    found = card(client)
    assert found["securitySchemes"]["apiKey"]
    assert "securityRequirements" not in found


def test_it_refuses_a_section_it_cannot_read(api: JsonClient) -> None:
    document = {
        "id": "odd",
        "model_id": "assistant",
        "system_prompt": "",
        "sections": {"a2a": {"tags": "food"}},
    }
    answer = api.post("/v1/config/agents", document)
    assert answer.status_code == 400
    assert "section 'a2a'" in answer.json()["error"]


# --- copies ---------------------------------------------------------------------------------------
def test_it_says_how_long_a_copy_is_good(client: Client) -> None:
    answer = client.get(PATH)
    assert answer["Cache-Control"] == "public, max-age=60"
    assert answer["Last-Modified"].endswith("GMT")
    assert answer["ETag"].startswith('"')
    assert answer["Content-Type"] == "application/json"


def test_it_does_not_send_a_card_again_that_has_not_changed(client: Client) -> None:
    etag = client.get(PATH)["ETag"]
    answer = client.get(PATH, headers={"If-None-Match": f'"other", {etag}'})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer["ETag"] == etag
    assert client.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200


def test_it_changes_with_the_configuration(client: Client) -> None:
    before = client.get(PATH)["ETag"]
    add_agent("another")
    changed = client.get(PATH, headers={"If-None-Match": before})
    assert changed.status_code == 200
    assert [skill["id"] for skill in changed.json()["skills"]] == ["another", "assistant"]
    delete_entry(namespace="agents", key="another", actor="test")
    registry.forget()
    assert client.get(PATH)["ETag"] == before


def test_it_changes_with_the_settings(client: Client, settings: Any) -> None:
    before = client.get(PATH)["ETag"]
    settings.AGENTSERVER_A2A_NAME = "kitchen"
    assert card(client)["name"] == "kitchen"
    assert client.get(PATH)["ETag"] != before


def test_it_is_there_before_anything_was_published(client: Client) -> None:
    from config.models import Entry, Snapshot

    Snapshot.objects.all().delete()
    Entry.objects.all().delete()
    registry.forget()
    answer = client.get(PATH)
    assert answer.json()["skills"] == []
    assert "Last-Modified" not in answer


def test_it_negotiates_the_version_here_too(client: Client) -> None:
    answer = client.get(PATH, headers={"A2A-Version": "0.3"})
    refused(answer, 400, "VERSION_NOT_SUPPORTED")


# --- the extended card ----------------------------------------------------------------------------
def test_it_has_no_extended_card_unless_told_to(api: JsonClient) -> None:
    error = refused(api.get(f"{BASE}/extendedAgentCard"), 501, "UNSUPPORTED_OPERATION")
    assert error["status"] == "UNIMPLEMENTED"
    refused(api.get(f"{BASE}/assistant/extendedAgentCard"), 501, "UNSUPPORTED_OPERATION")
    rpc_refused(rpc(api, "GetExtendedAgentCard"), -32004, "UNSUPPORTED_OPERATION")


def test_it_shows_the_extended_card_only_to_who_is_known(extended: None, api: JsonClient) -> None:
    answer = api.get(f"{BASE}/extendedAgentCard")
    refused(answer, 401, "UNAUTHENTICATED")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    answer = rpc(api, "GetExtendedAgentCard")
    rpc_refused(answer, -32600, "UNAUTHENTICATED", status=401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_it_tells_more_in_the_extended_card(extended: None, holder: JsonClient) -> None:
    over_rest = judge(CARD, holder.get(f"{BASE}/extendedAgentCard").json())
    assert over_rest == judge(CARD, result(holder, "GetExtendedAgentCard"))
    assert over_rest["capabilities"]["extendedAgentCard"] is True
    assert over_rest["skills"][0]["tags"] == ["agent", "model:assistant"]
    assert card(holder.client)["skills"][0]["tags"] == ["agent"]


def test_it_names_no_model_where_there_is_none(extended: None, holder: JsonClient) -> None:
    endpoint = {"base_url": "https://far.example"}
    put_entry(namespace="agents", document={"id": "far", "endpoint": endpoint}, actor="test")
    registry.forget()
    found = judge(CARD, holder.get(f"{BASE}/far/extendedAgentCard").json())
    assert found["skills"][0]["tags"] == ["agent"]


def test_it_has_a_card_for_each_agent(extended: None, holder: JsonClient) -> None:
    add_agent("cook", description="Cooks.")
    found = judge(CARD, holder.get(f"{BASE}/cook/extendedAgentCard").json())
    assert found == judge(CARD, result(holder, "GetExtendedAgentCard", {"tenant": "cook"}))
    assert found["name"] == "cook"
    assert [skill["id"] for skill in found["skills"]] == ["cook"]
    for interface in found["supportedInterfaces"]:
        assert (interface["url"], interface["tenant"]) == ("http://testserver/v1/a2a", "cook")


def test_it_has_no_card_for_what_is_no_agent(extended: None, holder: JsonClient) -> None:
    refused(holder.get(f"{BASE}/nobody/extendedAgentCard"), 404, "NOT_FOUND")
