"""Pages of other origins: only those that are named, only where some are."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client

from tests.access.conftest import bearer
from tests.shape.source import ROOT

PAGE = "https://app.example.org"
CORS = "agentserver.core.middleware.Cors"
PROGRAM = """
import agentserver, json
from agentserver import settings
names = ["CORS_ALLOW_ALL_ORIGINS", "CORS_ALLOWED_ORIGINS", "CORS_ALLOW_CREDENTIALS", "MIDDLEWARE"]
print(json.dumps({name: getattr(settings, name) for name in names}))
"""


@pytest.fixture
def page_is_named(settings: Any) -> None:
    settings.MIDDLEWARE = [CORS, *settings.MIDDLEWARE]
    settings.CORS_ALLOWED_ORIGINS = [PAGE]
    settings.CORS_ALLOW_CREDENTIALS = True


def settings_with(origins: str) -> dict[str, Any]:
    environment = {**os.environ, "AGENTSERVER_CORS_ORIGINS": origins}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.django_db
def test_it_lets_a_named_page_read_answers(page_is_named: None) -> None:
    answer = Client().get("/v1/threads", headers={**bearer("read"), "origin": PAGE})

    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = answer.headers["access-control-expose-headers"]
    assert {"x-run-id", "x-thread-id", "retry-after"} <= set(exposed.split(", "))


@pytest.mark.django_db
def test_it_says_nothing_to_other_pages(page_is_named: None) -> None:
    origin = "https://evil.example.org"
    answer = Client().get("/v1/threads", headers={**bearer("read"), "origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.django_db
def test_it_tells_a_named_page_about_errors_too(page_is_named: None) -> None:
    answer = Client().get("/v1/threads", headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, PAGE)


def test_it_answers_a_preflight_for_a_key(page_is_named: None) -> None:
    headers = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, idempotency-key",
    }
    answer = Client().options("/v1/runs", headers=headers)

    assert answer.status_code == 200
    allowed = answer.headers["access-control-allow-headers"]
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed.split(", "))


def test_it_costs_nothing_without_origins() -> None:
    assert CORS not in project.MIDDLEWARE


def test_it_sends_cookies_to_named_pages_only() -> None:
    named, every = settings_with(PAGE), settings_with("*")

    assert (named["CORS_ALLOWED_ORIGINS"], named["CORS_ALLOW_CREDENTIALS"]) == ([PAGE], True)
    assert (every["CORS_ALLOW_ALL_ORIGINS"], every["CORS_ALLOW_CREDENTIALS"]) == (True, False)
    assert CORS in named["MIDDLEWARE"]
