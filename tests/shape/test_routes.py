"""The routes that clients count on (``routes.tsv``): each is there, described, and closed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from agentserver.access.keys import verified
from agentserver.access.principal import SCOPES
from agentserver.access.services import create_key
from agentserver.core.api.docs import document

# Faces that are still to come: their lines of the list are not looked at. Empty when all are there.
NOT_BUILT = (
    *("/api/agents", "/api/logs", "/api/memory", "/api/telemetry", "/api/tools"),
    *("/api/vectors", "/api/workflows"),
)
# Open to everybody. Metrics are only when a setting says so.
PUBLIC = ("/health", "/health/live", "/.well-known/agent-card.json")
# What stands for the parameters where any text would not do.
VALUES = {"namespace": "agents"}

Route = tuple[str, str]


def required() -> Iterator[Route]:
    for line in (Path(__file__).parent / "routes.tsv").read_text().splitlines():
        method, _, path = line.partition("\t")
        if not path.startswith(NOT_BUILT):
            yield method, path


def concrete(path: str) -> str:
    """``:name`` as a value; a colon inside a segment is a verb of the path itself."""
    return re.sub(r"(?<=/):(\w+)", lambda found: VALUES.get(found[1], "x"), path)


ROUTES = sorted(required())
CLOSED = [route for route in ROUTES if route[1] not in PUBLIC]
pytestmark = pytest.mark.leg("sqlite")  # asks no database for more than a key


def described(method: str, path: str) -> dict[str, Any] | None:
    """The operation of the template with the fewest parameters that fits."""
    fitting = [
        (template.count("{"), methods[method.lower()])
        for template, methods in document()["paths"].items()
        if method.lower() in methods and _pattern(template).fullmatch(concrete(path))
    ]
    return min(fitting, key=lambda found: found[0])[1] if fitting else None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))


def scope_of(method: str, path: str) -> str | None:
    view: Any = resolve(concrete(path)).func
    scope: str | None = view.cls().scope_of(method)
    return scope


def send(method: str, path: str, *scopes: str) -> Any:
    """The answer to a caller with a new key for ``scopes``, or without any key."""
    headers = {}
    if scopes:
        _, token = create_key(name="routes", scopes=scopes)
        headers["authorization"] = f"Bearer {token}"
    call: Any = getattr(Client(raise_request_exception=False), method.lower())
    body: tuple[Any, ...] = () if method == "GET" else ({}, "application/json")
    return call(concrete(path), *body, headers=headers)


@pytest.fixture
def closed(settings: Any, db: None) -> Iterator[None]:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    verified.clear()
    yield
    verified.clear()


def test_it_looks_at_most_of_the_list() -> None:
    assert len(ROUTES) > 45
    assert ("GET", "/v1/config/:namespace/$schema") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_it_is_there(method: str, path: str) -> None:
    try:
        view: Any = resolve(concrete(path)).func
    except Resolver404:
        pytest.fail(f"{method} {path} leads nowhere")
    assert hasattr(view.cls, method.lower())


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_it_is_described(method: str, path: str) -> None:
    found = described(method, path)
    assert found is not None
    assert found["x-scope"] == (scope_of(method, path) or "public")


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_it_refuses_a_caller_without_a_key(closed: None, method: str, path: str) -> None:
    answer = send(method, path)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_it_refuses_a_key_without_its_scope(closed: None, method: str, path: str) -> None:
    others = [scope for scope in SCOPES if scope not in ("admin", scope_of(method, path))]
    assert send(method, path, *others).status_code == 403


@pytest.mark.parametrize("path", PUBLIC)
def test_it_answers_probes_without_a_key(closed: None, path: str) -> None:
    assert send("GET", path).status_code in (200, 503)


def test_it_opens_metrics_when_told_to(closed: None, settings: Any) -> None:
    settings.AGENTSERVER_METRICS_PUBLIC = True
    assert send("GET", "/metrics").status_code == 200
