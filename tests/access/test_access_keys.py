"""Keys, scopes and resources at the door."""

import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agentserver.access import keys
from agentserver.access.models import ApiKey
from agentserver.access.services import create_key, disable_key
from agentserver.core.clock import now
from tests.access.conftest import bearer
from threads.models import Thread

pytestmark = pytest.mark.django_db


def get(headers: dict[str, str] | None = None, path: str = "/v1/threads") -> Any:
    return Client().get(path, headers=headers or {})


def create(headers: dict[str, str], **body: Any) -> Any:
    return Client().post("/v1/threads", body, content_type="application/json", headers=headers)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "/v1/threads"),
        ("post", "/v1/threads"),
        ("get", "/v1/threads/x"),
        ("patch", "/v1/threads/x"),
        ("patch", "/v1/threads/x/metadata"),
        ("get", "/v1/threads/x/messages"),
    ],
)
def test_it_refuses_a_stranger_in_json(verb: str, path: str) -> None:
    answer = getattr(Client(), verb)(path)
    assert answer.status_code == 401
    assert answer.json()["error"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_it_lets_a_key_in_by_either_header(header: str) -> None:
    token = bearer("read")["authorization"].removeprefix("Bearer ")
    value = f"Bearer {token}" if header == "authorization" else token
    assert get({header: value}).status_code == 200


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-1], lambda token: token + "x", lambda token: "as_x.y"]
)
def test_it_refuses_a_wrong_key(spoil: Any) -> None:
    token = bearer("read")["authorization"]
    answer = get({"authorization": "Bearer " + spoil(token.removeprefix("Bearer "))})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "value", ["Basic abc", "Bearer", "Bearer sk-other", "as_a.b", "Bearer as_"]
)
def test_it_refuses_other_credentials(value: str) -> None:
    assert get({"authorization": value}).status_code == 401


def test_it_refuses_a_wrong_key_although_access_is_open(settings: Any) -> None:
    settings.AGENTSERVER_REQUIRE_KEYS = False
    assert get({"authorization": "Bearer as_x.y"}).status_code == 401
    assert get().status_code == 200


def test_it_needs_the_scope_of_the_operation() -> None:
    reader = bearer("read")
    assert get(reader).status_code == 200
    answer = create(reader)
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"
    assert not Thread.objects.exists()


def test_it_counts_admin_for_every_scope() -> None:
    assert create(bearer("admin")).status_code == 201


def test_it_refuses_an_expired_key() -> None:
    headers = bearer("read", expires_in_days=1)
    assert get(headers).status_code == 200
    ApiKey.objects.update(expires_at=now() - timedelta(seconds=1))
    keys.verified.clear()
    assert get(headers).status_code == 401


def test_it_forgets_a_disabled_key_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    row, token = create_key(name="k", scopes=["read"])
    headers = {"authorization": f"Bearer {token}"}
    assert get(headers).status_code == 200
    assert disable_key(key=row.key)
    later = time.monotonic() + keys.TTL_SECONDS + 0.01
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert get(headers).status_code == 401


def test_it_verifies_a_known_key_without_a_query(django_assert_num_queries: Any) -> None:
    token = bearer("read")["authorization"].removeprefix("Bearer ")
    assert keys.verify(token) is not None
    with django_assert_num_queries(0):
        assert keys.verify(token) is not None


def test_it_writes_last_used_once_a_minute() -> None:
    row, token = create_key(name="k", scopes=["read"])
    keys.verify(token)
    first = ApiKey.objects.get(pk=row.pk).last_used_at
    assert first is not None
    keys.verified.clear()
    keys.verify(token)
    assert ApiKey.objects.get(pk=row.pk).last_used_at == first


def test_it_never_stores_the_secret() -> None:
    row, token = create_key(name="k", scopes=["read"])
    stored = "".join(
        str(value) for value in ApiKey.objects.filter(pk=row.pk).values().get().values()
    )
    assert token.partition(".")[2] not in stored


def test_it_opens_old_keys_while_their_pepper_is_listed(settings: Any) -> None:
    settings.AGENTSERVER_KEY_PEPPERS = ["1:the-first-pepper-of-all"]
    _, token = create_key(name="k", scopes=["read"])
    settings.AGENTSERVER_KEY_PEPPERS = ["1:the-first-pepper-of-all", "2:the-second-pepper-now"]
    assert keys.verify(token) is not None
    keys.verified.clear()
    settings.AGENTSERVER_KEY_PEPPERS = ["2:the-second-pepper-now"]
    assert keys.verify(token) is None


# --- bound to a resource -------------------------------------------------------------------------
def test_it_shows_a_bound_key_only_its_own_resource() -> None:
    Thread.objects.create(pk="mine", resource_id="u1")
    Thread.objects.create(pk="theirs", resource_id="u2")
    Thread.objects.create(pk="nobodys")
    bound = bearer("read", "run", resource_id="u1")
    listed = get(bound).json()
    assert (listed["items"], listed["total"]) == (["mine"], 1)
    assert get(bound, "/v1/threads/mine").status_code == 200
    for other in ("theirs", "nobodys"):
        assert get(bound, f"/v1/threads/{other}").status_code == 404
        assert get(bound, f"/v1/threads/{other}/messages").status_code == 404
        path = f"/v1/threads/{other}"
        changed = Client().patch(path, {}, content_type="application/json", headers=bound)
        assert changed.status_code == 404


def test_it_puts_what_a_bound_key_creates_into_its_resource() -> None:
    bound = bearer("run", resource_id="u1")
    assert create(bound).json()["resource_id"] == "u1"
    assert create(bound, resource_id="u2").status_code == 403


def test_it_does_not_let_a_bound_key_give_a_thread_away() -> None:
    thread = Thread.objects.create(pk="mine", resource_id="u1")
    bound = bearer("run", resource_id="u1")
    for body in ({"resource_id": "u2"}, {"resource_id": None}):
        Client().patch("/v1/threads/mine", body, content_type="application/json", headers=bound)
        thread.refresh_from_db()
        assert thread.resource_id == "u1"


def test_it_hides_parents_of_other_resources() -> None:
    Thread.objects.create(pk="theirs", resource_id="u2")
    answer = create(bearer("run", resource_id="u1"), parent_thread_id="theirs")
    assert answer.status_code == 400
    assert answer.json()["error"] == "parent thread not found: theirs"


# --- the command ---------------------------------------------------------------------------------
def test_it_prints_a_working_key_once() -> None:
    out = StringIO()
    call_command(
        "create_api_key", "--name", "ci", "--scopes", "read,run", "--resource", "u1",
        "--expires", "30", stdout=out,
    )  # fmt: skip
    principal = keys.verify(out.getvalue().strip())
    assert principal is not None
    assert principal.scopes == {"read", "run"}
    assert principal.resource_id == "u1"
    assert ApiKey.objects.get().expires_at is not None


@pytest.mark.parametrize("scopes", ["", "read,root"])
def test_it_refuses_unknown_scopes(scopes: str) -> None:
    with pytest.raises(CommandError, match="scopes must be"):
        call_command("create_api_key", "--name", "ci", "--scopes", scopes)
