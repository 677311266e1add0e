"""Which scope each route asks for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agentserver.access.keys import verified
from config.models import Entry, EntryRevision
from tests.access.conftest import bearer
from tests.config.samples import PROVIDER, put_chain

pytestmark = pytest.mark.django_db

READ = [("get", "/v1/agents"), ("get", "/v1/agents/assistant"), ("get", "/v1/capabilities")]
CONFIG = [
    ("get", "/v1/config/agents"),
    ("post", "/v1/config/agents"),
    ("get", "/v1/config/agents/assistant"),
    ("put", "/v1/config/agents/assistant"),
    ("patch", "/v1/config/agents/assistant"),
    ("delete", "/v1/config/agents/assistant"),
    ("get", "/v1/config/agents/$schema"),
    ("post", "/v1/config/agents/validate"),
    ("get", "/v1/config/diagnostics"),
    ("get", "/v1/config/agents/assistant/meta"),
    ("delete", "/v1/config/agents/assistant/overrides"),
    ("get", "/v1/config/agents/assistant/revisions"),
    ("post", "/v1/config/agents/assistant/restore"),
    ("get", "/v1/audit-log"),
    ("post", "/v1/providers/openai/test"),
]


@pytest.fixture(autouse=True)
def closed(settings: Any) -> Iterator[None]:
    settings.AGENTSERVER_REQUIRE_KEYS = True
    verified.clear()
    yield
    verified.clear()


def status(verb: str, path: str, headers: dict[str, str]) -> int:
    call: Any = getattr(Client(raise_request_exception=False), verb)
    extra = {} if verb == "get" else {"data": "{}", "content_type": "application/json"}
    return int(call(path, headers=headers, **extra).status_code)


@pytest.mark.parametrize(("verb", "path"), READ + CONFIG)
def test_it_refuses_strangers(verb: str, path: str) -> None:
    assert status(verb, path, {}) == 401


@pytest.mark.parametrize(("verb", "path"), READ)
def test_it_lets_readers_read(verb: str, path: str) -> None:
    put_chain()
    assert status(verb, path, bearer("read")) == 200
    assert status(verb, path, bearer("run", "config")) == 403


@pytest.mark.parametrize(("verb", "path"), CONFIG)
def test_it_keeps_readers_and_runners_from_the_configuration(verb: str, path: str) -> None:
    put_chain()
    assert status(verb, path, bearer("read", "run")) == 403
    assert Entry.objects.count() == 3


@pytest.mark.parametrize("scope", ["config", "admin"])
def test_it_lets_configurators_do_all_of_it(scope: str) -> None:
    put_chain()
    headers = bearer(scope)
    assert {status(verb, path, headers) for verb, path in CONFIG} <= {200, 204, 400, 404}


def test_it_tells_a_stranger_nothing_about_namespaces() -> None:
    assert status("get", "/v1/config/foo", {}) == 401


def test_it_records_the_public_part_of_a_key_as_actor() -> None:
    headers = bearer("config")
    client = Client()
    path = "/v1/config/providers/openai"
    client.put(path, PROVIDER, content_type="application/json", headers=headers)
    actor = EntryRevision.objects.latest("id").actor
    key, _, secret = headers["authorization"].removeprefix("Bearer as_").partition(".")
    assert actor == f"key:{key}"
    assert secret not in actor


def test_it_records_a_member_of_staff_by_name() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    path = "/v1/config/providers/openai"
    client.put(path, PROVIDER, content_type="application/json")
    assert EntryRevision.objects.latest("id").actor == "user:ada"
