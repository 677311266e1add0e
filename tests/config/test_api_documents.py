"""Documents over HTTP, with the error texts of docs/native-api.md."""

from typing import Any

import pytest

from config.models import Entry, EntryRevision, Snapshot
from tests.config.conftest import ConfigClient
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER, put_chain

pytestmark = pytest.mark.django_db

OPENAI = "/v1/config/providers/openai"
NAMESPACES = ["agents", "models", "providers", "mcp-servers"]


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_it_creates_a_document(api: ConfigClient) -> None:
    answer = api.post("/v1/config/providers", PROVIDER)
    assert answer.status_code == 201
    found = answer.json()
    assert found.pop("created_at") == found.pop("updated_at") > 1_700_000_000_000
    assert found == {**PROVIDER, "timeout_secs": 300, "adapter_options": {}, "revision": 1}


def test_it_reads_what_it_stored(api: ConfigClient) -> None:
    created = api.post("/v1/config/providers", PROVIDER).json()
    assert api.get(OPENAI).json() == created


def test_it_replaces_a_document(api: ConfigClient) -> None:
    api.post("/v1/config/providers", {**PROVIDER, "timeout_secs": 5})
    answer = api.put(OPENAI, {**PROVIDER, "base_url": "https://p.example/v1"})
    assert answer.status_code == 200
    assert answer.json()["base_url"] == "https://p.example/v1"
    assert answer.json()["timeout_secs"] == 300


def test_it_creates_by_put(api: ConfigClient) -> None:
    assert api.put(OPENAI, PROVIDER).status_code == 200
    assert api.get(OPENAI).status_code == 200


def test_it_takes_its_own_answer_back(api: ConfigClient) -> None:
    put_chain()
    found = api.get("/v1/config/agents/assistant").json()
    assert api.put("/v1/config/agents/assistant", found).json() == found


def test_it_deletes_a_document(api: ConfigClient) -> None:
    api.put(OPENAI, PROVIDER)
    answer = api.delete(OPENAI)
    assert (answer.status_code, answer.content) == (204, b"")
    assert error_of(api.get(OPENAI)) == (404, "providers/openai")


@pytest.mark.parametrize(
    ("query", "limit", "ids"),
    [
        ({}, 100, ["a", "b", "c"]),
        ({"limit": 2}, 2, ["a", "b"]),
        ({"limit": 0}, 1, ["a"]),
        ({"limit": 999}, 200, ["a", "b", "c"]),
        ({"limit": 2, "offset": 1}, 2, ["b", "c"]),
    ],
)
def test_it_lists_by_id(
    api: ConfigClient, query: dict[str, int], limit: int, ids: list[str]
) -> None:
    for key in ("c", "a", "b"):
        api.put(f"/v1/config/providers/{key}", {**PROVIDER, "id": key})
    found = api.get("/v1/config/providers", **query).json()
    assert [item["id"] for item in found.pop("items")] == ids
    offset = query.get("offset", 0)
    assert found == {"namespace": "providers", "offset": offset, "limit": limit, "total": 3}


def test_it_shows_agents_under_a_path_of_their_own(api: ConfigClient) -> None:
    put_chain()
    assert api.get("/v1/agents").json() == api.get("/v1/config/agents").json()
    found = api.get("/v1/agents/assistant").json()
    assert found == api.get("/v1/config/agents/assistant").json()
    assert error_of(api.get("/v1/agents/foo")) == (404, "agents/foo")


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("word", ["$schema", "%24schema"])
def test_it_serves_the_schema_of_a_namespace(api: ConfigClient, namespace: str, word: str) -> None:
    found = api.get(f"/v1/config/{namespace}/{word}").json()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "id" in found["required"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "foo"),
        ("post", "foo"),
        ("get", "foo/x"),
        ("put", "foo/x"),
        ("patch", "foo/x"),
        ("delete", "foo/x"),
        ("get", "foo/$schema"),
        ("post", "foo/validate"),
        ("get", "foo/x/meta"),
        ("delete", "foo/x/overrides"),
        ("get", "foo/x/revisions"),
        ("post", "foo/x/restore"),
    ],
)
def test_it_knows_four_namespaces_even_while_switched_off(
    api: ConfigClient, settings: Any, verb: str, path: str
) -> None:
    settings.AGENTSERVER_CONFIG_API = False
    answer = api.send(verb, f"/v1/config/{path}", None, {})
    assert error_of(answer) == (404, "unknown namespace: foo")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "/v1/config/agents"),
        ("post", "/v1/config/agents"),
        ("get", "/v1/config/agents/x"),
        ("put", "/v1/config/agents/x"),
        ("patch", "/v1/config/agents/x"),
        ("delete", "/v1/config/agents/x"),
        ("get", "/v1/config/agents/$schema"),
        ("post", "/v1/config/agents/validate"),
        ("get", "/v1/config/diagnostics"),
        ("get", "/v1/config/agents/x/meta"),
        ("delete", "/v1/config/agents/x/overrides"),
        ("get", "/v1/config/agents/x/revisions"),
        ("post", "/v1/config/agents/x/restore"),
        ("get", "/v1/agents"),
        ("get", "/v1/agents/x"),
        ("get", "/v1/capabilities"),
        ("get", "/v1/audit-log"),
        ("post", "/v1/providers/x/test"),
    ],
)
def test_it_can_be_switched_off(api: ConfigClient, settings: Any, verb: str, path: str) -> None:
    settings.AGENTSERVER_CONFIG_API = False
    answer = api.send(verb, path, None, {})
    assert error_of(answer) == (400, "config management API not enabled")


@pytest.mark.parametrize("body", ["null", "[]", '"text"', "5"])
@pytest.mark.parametrize("verb", ["put", "patch"])
def test_it_requires_an_object(api: ConfigClient, verb: str, body: str) -> None:
    api.put(OPENAI, PROVIDER)
    answer = api.send(verb, OPENAI, body, {})
    assert error_of(answer) == (400, "invalid payload: expected JSON object body")


@pytest.mark.parametrize("body", [{}, {"id": " "}, {"id": 5}])
def test_it_requires_an_id(api: ConfigClient, body: object) -> None:
    answer = api.post("/v1/config/agents", body)
    assert error_of(answer) == (400, "missing 'id' field in body")


@pytest.mark.parametrize("verb", ["put", "patch"])
def test_it_refuses_a_body_of_another_id_than_the_path(api: ConfigClient, verb: str) -> None:
    api.put("/v1/config/providers/left", {**PROVIDER, "id": "left"})
    answer = api.send(verb, "/v1/config/providers/left", {**PROVIDER, "id": "right"}, {})
    assert error_of(answer) == (
        400,
        "invalid payload: path id 'left' does not match body id 'right'",
    )


def test_it_creates_an_id_once(api: ConfigClient) -> None:
    api.post("/v1/config/providers", {**PROVIDER, "id": "dupe"})
    answer = api.post("/v1/config/providers", {**PROVIDER, "id": "dupe"})
    assert error_of(answer) == (409, "conflict: providers/dupe already exists")


@pytest.mark.parametrize("verb", ["delete", "patch"])
def test_it_names_what_it_cannot_change(api: ConfigClient, verb: str) -> None:
    answer = api.send(verb, "/v1/config/agents/foo", {}, {})
    assert error_of(answer) == (404, "not found: agents/foo")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"id": "m", "provider_id": 5, "upstream_model": "x"}, "provider_id: Input should be"),
        ({"id": "m", "provider_id": "p"}, "upstream_model: Field required"),
        ({**MODEL, "model": "x"}, "model: Extra inputs are not permitted"),
    ],
)
def test_it_names_the_member_that_is_wrong(
    api: ConfigClient, body: dict[str, Any], text: str
) -> None:
    status, error = error_of(api.post("/v1/config/models", body))
    assert status == 400
    assert error.startswith(f"invalid payload: {text}")


def test_it_names_an_unknown_adapter(api: ConfigClient) -> None:
    answer = api.post("/v1/config/providers", {"id": "x", "adapter": "foo"})
    assert error_of(answer) == (400, "invalid payload: unsupported provider adapter: foo")


@pytest.mark.parametrize("verb", ["post", "put", "patch"])
def test_it_refuses_an_agent_that_does_not_resolve(api: ConfigClient, verb: str) -> None:
    put_chain()
    path = "/v1/config/agents" + ("" if verb == "post" else "/assistant")
    key = "other" if verb == "post" else "assistant"
    answer = api.send(verb, path, {**AGENT, "id": key, "model_id": "gpt"}, {})
    assert error_of(answer) == (
        400,
        f"invalid payload: invalid managed config: {key}: resolve failed: model not found: gpt",
    )
    assert api.get("/v1/config/agents/assistant").json()["model_id"] == "default"


def test_it_keeps_what_others_use(api: ConfigClient) -> None:
    put_chain()
    answer = api.delete("/v1/config/models/default")
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "cannot delete: other records depend on this resource",
        "code": "in_use",
        "used_by": [{"namespace": "agents", "id": "assistant"}],
    }
    assert api.get("/v1/config/models/default").status_code == 200


def test_it_deletes_idle_models_with_their_provider_by_force(api: ConfigClient) -> None:
    api.put(OPENAI, PROVIDER)
    api.put("/v1/config/models/default", MODEL)
    assert api.delete(OPENAI).status_code == 409
    assert api.delete(f"{OPENAI}?force=true").status_code == 204
    assert api.get("/v1/config/models").json()["total"] == 0


def test_it_answers_malformed_json_and_other_types_like_every_route(api: ConfigClient) -> None:
    malformed = api.client.post("/v1/config/agents", "{", content_type="application/json")
    assert malformed.status_code == 400
    text = api.client.post("/v1/config/agents", "x", content_type="text/plain")
    assert text.status_code == 415
    assert api.delete("/v1/config/agents").status_code == 405


@pytest.mark.parametrize("word", ["servers", "v0", "agentserver"])
def test_it_reserves_the_words_of_addresses_for_mcp_servers(api: ConfigClient, word: str) -> None:
    answer = api.put(f"/v1/config/mcp-servers/{word}", {**MCP, "id": word})
    assert error_of(answer) == (400, f"invalid payload: the id '{word}' is reserved")


@pytest.mark.parametrize("word", ["$schema", "meta", "validate", "diagnostics"])
def test_it_reserves_the_words_of_its_routes(api: ConfigClient, word: str) -> None:
    answer = api.post("/v1/config/providers", {**PROVIDER, "id": word})
    assert error_of(answer) == (400, f"invalid payload: the id '{word}' is reserved")


def test_it_tries_a_write_and_leaves_nothing_behind(api: ConfigClient) -> None:
    put_chain()
    before = (list(Entry.objects.values()), EntryRevision.objects.count(), Snapshot.objects.count())
    body = {**AGENT, "max_rounds": 3, "allowed_tools": ["nothing"], "sections": {"reminder": {}}}
    answer = api.post("/v1/config/agents/validate", body)
    assert answer.status_code == 200
    assert answer.json()["valid"] is True
    assert answer.json()["document"]["max_rounds"] == 3
    assert answer.json()["warnings"] == [
        "section 'reminder' has no effect: no loaded plugin reads it",
        "allowed_tools: there is no tool 'nothing' at present",
    ]
    after = (list(Entry.objects.values()), EntryRevision.objects.count(), Snapshot.objects.count())
    assert after == before
    assert api.get("/v1/capabilities").json()["version"] == 3


def test_it_tries_a_write_that_fails(api: ConfigClient) -> None:
    answer = api.post("/v1/config/agents/validate", AGENT)
    assert error_of(answer) == (
        400,
        "invalid payload: invalid managed config: assistant: resolve failed: "
        "model not found: default",
    )
