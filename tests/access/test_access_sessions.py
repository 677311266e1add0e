"""Members of staff come in with their session; CSRF holds for them."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory

from agentserver.access.identity import principal_of
from agentserver.access.staff import NEEDED
from agentserver.core.errors import Unauthenticated

pytestmark = pytest.mark.django_db
CONFIG = "/v1/config/providers"


def signed_in(
    *permissions: str,
    staff: bool = True,
    active: bool = True,
    superuser: bool = False,
    csrf: bool = False,
) -> Client:
    user = User.objects.create_user("ann", is_staff=staff, is_superuser=superuser)
    for each in permissions:
        app, codename = each.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    User.objects.update(is_active=active)
    return client


READ, WRITE, CONFIGURE = ("get", "/v1/threads"), ("post", "/v1/threads"), ("get", CONFIG)


def answers(client: Client) -> list[int]:
    return [
        getattr(client, verb)(path, {}, content_type="application/json").status_code
        for verb, path in (READ, WRITE, CONFIGURE)
    ]


def test_it_gives_superusers_every_scope() -> None:
    assert answers(signed_in(superuser=True)) == [200, 201, 200]


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ((), [403, 403, 403]),
        (("read",), [200, 403, 403]),
        (("run",), [200, 201, 403]),
        (("config",), [403, 403, 200]),
    ],
)
def test_it_gives_other_staff_what_their_permissions_give(
    scopes: tuple[str, ...], expected: list[int]
) -> None:
    needed = {permission for scope in scopes for permission in NEEDED[scope]}
    assert answers(signed_in(*needed)) == expected


@pytest.mark.parametrize("scope", ["read", "run", "config"])
def test_it_takes_every_permission_for_a_scope(scope: str) -> None:
    for missing in NEEDED[scope]:
        User.objects.all().delete()
        client = signed_in(*set(NEEDED[scope]) - {missing})
        at = ["read", "run", "config"].index(scope)
        assert answers(client)[at] == 403, missing


@pytest.mark.parametrize(("staff", "active"), [(False, True), (True, False)])
def test_it_does_not_know_other_users(staff: bool, active: bool) -> None:
    assert signed_in(staff=staff, active=active).get("/v1/threads").status_code == 401


def test_it_enforces_csrf_for_sessions() -> None:
    client = signed_in(superuser=True, csrf=True)
    answer = client.post("/v1/threads", {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"


def test_it_accepts_a_session_with_its_csrf_token() -> None:
    client = signed_in(superuser=True, csrf=True)
    client.cookies["csrftoken"] = "a" * 32
    answer = client.post(
        "/v1/threads", {}, content_type="application/json", headers={"x-csrftoken": "a" * 32}
    )
    assert answer.status_code == 201


def test_it_asks_the_database_nothing_for_a_stranger(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert Client().get("/v1/threads").status_code == 401


def test_it_knows_the_caller_of_a_plain_request_too() -> None:
    with pytest.raises(Unauthenticated):
        principal_of(RequestFactory().get("/"))
