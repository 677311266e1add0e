"""The document of all routes: valid, in order, with examples that are true to their schemas."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from agentserver.core.api.docs import document
from agentserver.core.api.docs_settings import AREAS

MAIN = [
    ("post", "/v1/runs"),
    ("post", "/v1/threads"),
    ("post", "/v1/threads/{thread_id}/messages"),
    ("post", "/v1/threads/{thread_id}/mailbox"),
    ("post", "/v1/runs/{run_id}/decision"),
    ("post", "/v1/ai-sdk/chat"),
    ("post", "/v1/ag-ui/run"),
]
SPECS = {"AgentSpec", "ModelSpec", "ProviderSpec", "McpServerSpec"}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            yield f"{method} {path}", described


def bodies(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Media types of the request and of all answers."""
    for part in (described.get("requestBody", {}), *described["responses"].values()):
        yield from part.get("content", {}).values()


def examples(media: dict[str, Any]) -> Iterator[Any]:
    yield from (each["value"] for each in media.get("examples", {}).values())
    if "example" in media:
        yield media["example"]


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    found: Registry[Any] = empty.with_resource("urn:api", DRAFT202012.create_resource(document()))
    return found


def test_it_is_valid() -> None:
    validate_schema(document())
    assert document()["openapi"].startswith("3.1")


def test_it_gives_true_examples(registry: Registry[Any]) -> None:
    for name, described in operations():
        for media in bodies(described):
            for example in examples(media):
                problem = first_problem(registry, media["schema"], example)
                assert problem is None, f"{name}: {problem}"


def first_problem(registry: Registry[Any], schema: dict[str, Any], example: Any) -> Any:
    found = {"$ref": f"urn:api{schema['$ref']}"} if "$ref" in schema else schema
    return next(Draft202012Validator(found, registry=registry).iter_errors(example), None)


@pytest.mark.parametrize(("method", "path"), MAIN)
def test_it_gives_examples_of_the_main_operations(method: str, path: str) -> None:
    described = document()["paths"][path][method]
    assert next(examples(described["requestBody"]["content"]["application/json"]))
    success = described["responses"][min(described["responses"])]
    assert [*examples(next(iter(success["content"].values())))]


def test_it_says_of_each_operation_what_it_is() -> None:
    for name, described in operations():
        assert described["summary"], name
        assert described["tags"], name
        assert described["x-scope"] in {"public", "read", "run", "config", "admin"}, name


def test_it_describes_refusals_wherever_a_caller_is_needed() -> None:
    for name, described in operations():
        if described["x-scope"] != "public":
            assert {"401", "403", "429"} <= described["responses"].keys(), name
            assert described["security"] == [{"bearerKey": []}, {"headerKey": []}, {"session": []}]


def test_it_describes_the_ways_in() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert schemes["bearerKey"]["scheme"] == "bearer"
    assert (schemes["headerKey"]["in"], schemes["headerKey"]["name"]) == ("header", "x-api-key")
    assert schemes["session"]["in"] == "cookie"


def test_it_puts_every_operation_into_a_known_area() -> None:
    known = {tag for _, tags in AREAS for tag, *_ in tags}
    for name, described in operations():
        assert set(described["tags"]) <= known, name


def test_it_orders_the_areas_for_reading() -> None:
    names = [tag["name"] for tag in document()["tags"]]
    assert names[:3] == ["threads", "runs", "mailbox"]
    assert names[-1] == "docs"
    assert all(tag["description"] for tag in document()["tags"])


def test_it_holds_the_schema_of_every_namespace() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas.keys() >= SPECS
    assert schemas["ProviderSpec"]["properties"]["api_key"]


def test_it_describes_streams_with_the_shape_of_their_data() -> None:
    answer = document()["paths"]["/v1/runs"]["post"]["responses"]["200"]
    stream = answer["content"]["text/event-stream"]
    assert stream["schema"]["contentSchema"] == {"$ref": "#/components/schemas/NativeEvent"}


# --- where it is ---------------------------------------------------------------------------------
@pytest.fixture
def closed(settings: Any) -> Client:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    return Client()


def test_it_is_served_as_json_and_as_yaml(closed: Client) -> None:
    as_json, as_yaml = closed.get("/v1/openapi.json"), closed.get("/v1/openapi.yaml")
    assert as_json.headers["Content-Type"] == "application/json"
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.content)
    assert "/v1/runs" in as_json.json()["paths"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_it_has_pages_that_load_nothing_from_elsewhere(closed: Client, path: str) -> None:
    page = closed.get(path)
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"http://" not in page.content
    assert b"https://" not in page.content
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy


def test_it_leaves_the_document_alone_when_it_is_asked_again(closed: Client) -> None:
    assert closed.get("/v1/openapi.json").content == closed.get("/v1/openapi.json").content
