"""The document that `@operation` makes."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema


@pytest.fixture
def document() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate_schema(document)
    assert document["openapi"].startswith("3.1")


def test_it_describes_parameters_bodies_and_errors(document: dict[str, Any]) -> None:
    listing = document["paths"]["/v1/threads"]["get"]
    assert {"offset", "limit", "cursor", "root"} <= {each["name"] for each in listing["parameters"]}
    creation = document["paths"]["/v1/threads"]["post"]
    assert creation["requestBody"]["required"] is False
    assert {"201", "400", "401", "403", "413", "415", "422", "429"} == set(creation["responses"])


def test_it_tells_the_scope_of_each_operation(document: dict[str, Any]) -> None:
    thread = document["paths"]["/v1/threads/{thread_id}"]
    assert thread["get"]["x-scope"] == "read"
    assert thread["patch"]["x-scope"] == "run"
    assert document["paths"]["/health"]["get"]["x-scope"] == "public"
    assert "security" not in document["paths"]["/health"]["get"]


def test_it_offers_each_way_in_by_itself(document: dict[str, Any]) -> None:
    security = document["paths"]["/v1/threads"]["get"]["security"]
    assert security == [{"bearerKey": []}, {"headerKey": []}, {"session": []}]
