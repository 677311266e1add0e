"""Who may call the routes of runs, and that each of them is described."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from runs.api import urls
from tests.api.conftest import JsonClient, keyed

VERBS = ("get", "post", "patch", "delete")


def routes() -> Iterator[tuple[str, str]]:
    for pattern in urls.urlpatterns:
        view: Any = pattern.callback.cls  # type: ignore[attr-defined]
        for verb in VERBS:
            if verb in view.http_method_names and hasattr(view, verb):
                yield verb, f"/v1/{pattern.pattern}"


ROUTES = sorted(routes())


def concrete(path: str) -> str:
    return path.replace("<str:thread_id>", "t").replace("<str:run_id>", "r")


def send(client: Client, verb: str, path: str) -> Any:
    call: Any = getattr(client, verb)
    return (
        call(concrete(path), {}, content_type="application/json")
        if verb != "get"
        else call(concrete(path))
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("verb", "path"), ROUTES)
def test_it_refuses_strangers(settings: Any, verb: str, path: str) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    assert send(Client(), verb, path).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(("verb", "path"), [route for route in ROUTES if route[0] != "get"])
def test_it_lets_readers_change_nothing(verb: str, path: str) -> None:
    answer = send(keyed("read").client, verb, path)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for verb, path in ROUTES if verb == "get"])
def test_it_lets_runners_alone_read_nothing(path: str) -> None:
    assert send(keyed("run").client, "get", path).status_code == 403


@pytest.mark.django_db
def test_it_prefers_summaries_to_a_thread_of_that_name(api: JsonClient) -> None:
    assert "items" in api.get("/v1/threads/summaries").json()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/runs/", "/v1/threads/t/runs/", "/v1/nothing"])
def test_it_answers_404_as_json(api: JsonClient, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")


@pytest.mark.django_db
def test_it_answers_405_as_json(api: JsonClient) -> None:
    answer = api.get("/v1/threads/t/cancel")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "error" in answer.json()


# --- OpenAPI ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def test_it_is_described_validly(document: dict[str, Any]) -> None:
    validate_schema(document)


@pytest.mark.parametrize(("verb", "path"), ROUTES)
def test_it_describes_every_route(document: dict[str, Any], verb: str, path: str) -> None:
    name = path.replace("<str:", "{").replace(">", "}")
    described = document["paths"][name][verb]
    assert described["summary"]
    assert described["x-scope"] == ("read" if verb == "get" else "run")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("post", "/v1/runs"),
        ("get", "/v1/runs/{run_id}/events/stream"),
        ("get", "/v1/threads/{thread_id}/events/stream"),
    ],
)
def test_it_describes_streams(document: dict[str, Any], verb: str, path: str) -> None:
    assert "text/event-stream" in document["paths"][path][verb]["responses"]["200"]["content"]
