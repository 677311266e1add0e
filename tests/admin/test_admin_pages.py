"""Every page of the menu, empty and with rows."""

import pytest
from django.test import Client
from django.urls import reverse

from config.models import EntryRevision, Snapshot
from runs.models import Job
from tests.admin import samples
from tests.config.samples import put_chain

LISTS = [
    "admin:index",
    "admin:threads_thread_changelist",
    "admin:runs_run_changelist",
    "admin:runs_job_changelist",
    "admin:runs_toolcall_changelist",
    "admin:config_agent_changelist",
    "admin:config_modelbinding_changelist",
    "admin:config_provider_changelist",
    "admin:config_mcpserver_changelist",
    "admin:mcp_servercatalog_changelist",
    "admin:config_entryrevision_changelist",
    "admin:config_snapshot_changelist",
    "admin:access_apikey_changelist",
    "admin:auth_user_changelist",
    "admin:auth_group_changelist",
]
FORMS = [
    "admin:config_agent_add",
    "admin:config_modelbinding_add",
    "admin:config_provider_add",
    "admin:config_mcpserver_add",
    "admin:access_apikey_add",
    "admin:auth_user_add",
    "admin:auth_group_add",
]


@pytest.mark.parametrize("name", LISTS + FORMS)
def test_it_shows_every_page_of_an_empty_server(page: Client, name: str) -> None:
    assert page.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_it_shows_every_list_with_rows(page: Client, name: str) -> None:
    put_chain()
    samples.a_day()

    assert page.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_it_asks_a_stranger_to_sign_in(client: Client, db: None, name: str) -> None:
    answer = client.get(reverse(name))

    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_it_tells_what_will_stand_in_an_empty_list(page: Client) -> None:
    answer = page.get(reverse("admin:runs_run_changelist"))

    assert "POST /v1/runs" in answer.content.decode()


def test_it_shows_the_steps_of_a_run(page: Client) -> None:
    run, _ = samples.a_day()

    text = page.get(reverse("admin:runs_run_change", args=[run.pk])).content.decode()

    assert "Step 1" in text
    assert "Step 2" in text
    assert "120 → 30 tokens" in text
    assert "demo_add" in text
    assert "The sum is five." in text
    assert "$0.00042" in text


def test_it_gives_only_the_changing_part_when_asked(page: Client) -> None:
    run, _ = samples.a_day()

    text = page.get(f"{reverse('admin:runs_run_change', args=[run.pk])}?part=1").content.decode()

    assert text.lstrip().startswith('<div id="run"')
    assert "<html" not in text


def test_it_shows_a_conversation_with_its_tool_cards(page: Client) -> None:
    run, _ = samples.a_day()

    answer = page.get(reverse("admin:threads_thread_change", args=[run.thread_id]))
    shown = answer.context["bubbles"]

    assert [bubble.role for bubble in shown] == ["user", "assistant", "assistant"]
    assert [(card.name, card.result) for card in shown[1].cards] == [("demo_add", "5")]


def test_it_shows_a_waiting_call_and_its_buttons(page: Client) -> None:
    _, call = samples.a_day()

    text = page.get(reverse("admin:runs_toolcall_change", args=[call.pk])).content.decode()

    assert "Permission required" in text
    assert reverse("admin:runs_toolcall_approve", args=[call.pk]) in text


def test_it_shows_a_job(page: Client) -> None:
    samples.a_day()
    job = Job.objects.get()

    answer = page.get(reverse("admin:runs_job_change", args=[job.pk]))

    assert answer.status_code == 200
    assert "Run again" in answer.content.decode()


def test_it_shows_what_a_version_holds(page: Client) -> None:
    put_chain()
    version = Snapshot.objects.latest("version")

    answer = page.get(reverse("admin:config_snapshot_change", args=[version.pk]))

    assert "gpt-4o-mini" in answer.content.decode()


def test_it_shows_every_kind_of_revision(page: Client) -> None:
    put_chain()

    for revision in EntryRevision.objects.all():
        url = reverse("admin:config_entryrevision_change", args=[revision.pk])
        assert page.get(url).status_code == 200


@pytest.mark.parametrize(
    "name", ["runs_run", "threads_thread", "runs_job", "runs_toolcall", "config_agent"]
)
@pytest.mark.parametrize("key", ["987654321", "tickets"])
def test_it_sends_callers_of_a_missing_row_to_the_start(page: Client, name: str, key: str) -> None:
    answer = page.get(reverse(f"admin:{name}_change", args=[key]))

    assert answer.status_code == 302
    assert answer["Location"] == reverse("admin:index")
