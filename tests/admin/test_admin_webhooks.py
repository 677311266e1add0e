"""The pages of webhooks: what was given up can be found and tried again; no secret is shown."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from agentserver.core import secrets
from agentserver_a2a.models import PushConfig
from tests.admin.samples import make_run, make_thread

LIST = "admin:a2a_pushconfig_changelist"
PAGE = "admin:a2a_pushconfig_change"
AGAIN = "admin:a2a_pushconfig_again"


@pytest.fixture
def viewer(db: None) -> Client:
    """A browser in which somebody is signed in who may look at webhooks, and nothing else."""
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_pushconfig"))
    client = Client()
    client.force_login(user)
    return client


def webhook(**columns: Any) -> PushConfig:
    known = {
        "run": make_run(make_thread()),
        "config_id": "hook-1",
        "url": "https://hooks.example/in?key=swordfish",
        "token": secrets.encrypt("opensesame"),
        "scheme": "Bearer",
        "credentials": secrets.encrypt("abracadabra"),
        "state": "dead",
        "attempts": 8,
        "position": 7,
        "last_error": "HTTP status 503",
        "last_status": 503,
    }
    return PushConfig.objects.create(**{**known, **columns})


def shown(page: Client, *where: Any, **query: str) -> str:
    answer = page.get(reverse(where[0], args=where[1:]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_says_what_will_stand_in_the_empty_list(page: Client) -> None:
    assert "No task has a webhook" in shown(page, LIST)


def test_it_lists_webhooks_with_their_last_error(page: Client) -> None:
    webhook()
    text = shown(page, LIST)
    assert "hooks.example" in text
    assert "HTTP status 503" in text


def test_it_filters_by_state(page: Client) -> None:
    webhook()
    assert "HTTP status 503" in shown(page, LIST, state="dead")
    assert "HTTP status 503" not in shown(page, LIST, state="active")


def test_it_finds_the_webhooks_of_a_task(page: Client) -> None:
    row = webhook()
    assert "HTTP status 503" in shown(page, LIST, q=row.run_id)
    assert "HTTP status 503" not in shown(page, LIST, q="another")


@pytest.mark.parametrize("where", [LIST, PAGE])
def test_it_shows_no_secret(page: Client, where: str) -> None:
    row = webhook()
    text = shown(page, where, *([row.pk] if where == PAGE else []))
    for secret in ("swordfish", "opensesame", "abracadabra", row.token, row.credentials):
        assert secret not in text


def test_it_counts_what_was_given_up_in_the_menu_of_the_dashboard(page: Client) -> None:
    link = reverse(LIST)
    for number in range(3):
        webhook(config_id=f"hook-{number}")
    webhook(state="done")
    text = shown(page, "admin:index")
    item = text[text.index(f'href="{link}"') :][:1500]
    assert ">3<" in "".join(item.split())


def test_it_counts_nothing_in_the_menu_when_nothing_was_given_up(page: Client) -> None:
    webhook(state="done")
    text = shown(page, "admin:index")
    assert "as-menu-count" not in text
    webhook()
    assert "as-menu-count" in shown(page, "admin:index")


def test_it_delivers_again(page: Client) -> None:
    row = webhook()
    assert "Deliver again" in shown(page, PAGE, row.pk)
    page.post(reverse(AGAIN, args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.position) == ("active", 0, 7)


def test_it_repeats_a_delivered_one_from_the_start(page: Client) -> None:
    row = webhook(state="done", attempts=0)
    page.post(reverse(AGAIN, args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.position) == ("active", 0)


def test_it_leaves_a_delivery_under_way_alone(page: Client) -> None:
    row = webhook(state="active", attempts=2)
    assert "Deliver again" not in shown(page, PAGE, row.pk)
    answer = page.post(reverse(AGAIN, args=[row.pk]), follow=True)
    assert "under way" in answer.content.decode()
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("active", 2)


def test_it_needs_a_permission_to_deliver_again(viewer: Client) -> None:
    row = webhook()
    assert "Deliver again" not in shown(viewer, PAGE, row.pk)
    assert viewer.post(reverse(AGAIN, args=[row.pk])).status_code == 403
    row.refresh_from_db()
    assert row.state == "dead"


def test_it_survives_a_made_up_id(page: Client) -> None:
    assert page.post(reverse(AGAIN, args=["nothing"])).status_code == 302
