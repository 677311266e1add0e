"""Members of staff come in with their session; CSRF holds for them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from agentserver.access.identity import principal_of
from agentserver.core.errors import Unauthenticated

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.urls_threads")]


def signed_in(*, staff: bool, active: bool = True, csrf: bool = False) -> Client:
    user = User.objects.create_user("ann", is_staff=staff)
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    User.objects.update(is_active=active)
    return client


def test_it_gives_staff_every_scope() -> None:
    client = signed_in(staff=True)
    assert client.get("/v1/threads").status_code == 200
    assert client.post("/v1/threads", {}, content_type="application/json").status_code == 201


@pytest.mark.parametrize(("staff", "active"), [(False, True), (True, False)])
def test_it_does_not_know_other_users(staff: bool, active: bool) -> None:
    assert signed_in(staff=staff, active=active).get("/v1/threads").status_code == 401


def test_it_enforces_csrf_for_sessions() -> None:
    client = signed_in(staff=True, csrf=True)
    answer = client.post("/v1/threads", {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"


def test_it_accepts_a_session_with_its_csrf_token() -> None:
    client = signed_in(staff=True, csrf=True)
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
