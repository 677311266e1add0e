"""What operators may do to runs, jobs, threads and keys, and who may."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from agentserver.access import keys
from agentserver.access.models import ApiKey
from runs.mailbox import lane as lanes
from runs.models import Job, Run, ToolCall
from runs.services import Input, submit
from tests.admin import samples
from tests.config.samples import put_chain
from threads.models import Thread
from threads.services import NewMessage

# --- decisions -------------------------------------------------------------------------------


def a_waiting_call(**columns: Any) -> ToolCall:
    """On a thread whose lane its run holds, as the engine leaves it."""
    _, call = samples.a_day()
    ToolCall.objects.filter(pk=call.pk).update(**columns)
    lane = lanes.lock(call.run.thread)
    lane.holder_id = call.run_id
    lane.save()
    return call


def decide(page: Client, call: ToolCall, verb: str, **body: str) -> Any:
    return page.post(reverse(f"admin:runs_toolcall_{verb}", args=[call.pk]), body, follow=True)


@pytest.mark.parametrize(("verb", "action"), [("approve", "resume"), ("deny", "cancel")])
def test_it_decides_what_waits(page: Client, verb: str, action: str) -> None:
    call = a_waiting_call()

    decide(page, call, verb)

    call.refresh_from_db()
    assert call.status == ToolCall.Status.RESUMING
    assert call.decision["action"] == action
    assert Job.objects.filter(run=call.run, resumes=True, state=Job.State.QUEUED).count() == 1


def test_it_returns_to_the_page_the_button_stood_on(page: Client) -> None:
    call = a_waiting_call()
    run_page = reverse("admin:runs_run_change", args=[call.run_id])

    answer = decide(page, call, "approve", next=run_page)

    assert answer.redirect_chain == [(run_page, 302)]


def test_it_never_leaves_the_site_after_a_button(page: Client) -> None:
    call = a_waiting_call()

    answer = decide(page, call, "approve", next="https://elsewhere.example/")

    assert answer.redirect_chain == [(reverse("admin:runs_toolcall_changelist"), 302)]


def test_it_says_when_something_was_decided_otherwise_before(page: Client) -> None:
    call = a_waiting_call()
    decide(page, call, "approve")

    answer = decide(page, call, "deny")

    assert "already decided" in answer.content.decode()


def test_it_passes_an_answer_on_as_json(page: Client) -> None:
    question = {"kind": "question", "ticket_id": "perm_call-9", "action": "ask",
                "pending_id": "p", "pending_name": "ask"}  # fmt: skip
    call = a_waiting_call(suspension=question)

    decide(page, call, "answer", payload='{"colour": "red"}')

    call.refresh_from_db()
    assert call.decision["payload"] == {"colour": "red"}


def test_it_refuses_an_answer_that_does_not_fit(page: Client) -> None:
    question = {"kind": "question", "ticket_id": "perm_call-9", "action": "ask",
                "pending_id": "p", "pending_name": "ask",
                "response_schema": {"type": "object"}}  # fmt: skip
    call = a_waiting_call(suspension=question)

    answer = decide(page, call, "answer", payload="red")

    call.refresh_from_db()
    assert call.status == ToolCall.Status.SUSPENDED
    assert "does not fit" in answer.content.decode()


# --- runs, jobs, threads ---------------------------------------------------------------------


def submitted(page: Client) -> Run:
    """A queued run: no worker is there to take it up."""
    from agentserver.access.principal import ANONYMOUS

    put_chain()
    message = NewMessage(role="user", content=[{"type": "text", "text": "Hello"}])
    request = Input(
        principal=ANONYMOUS, thread_id="thread-1", messages=[message], agent_id="assistant"
    )
    return submit(request).run


def test_it_cancels_a_run(page: Client) -> None:
    run = submitted(page)

    page.post(reverse("admin:runs_run_cancel", args=[run.pk]))

    run.refresh_from_db()
    assert (run.status, run.termination_code) == ("done", "cancelled")


def test_it_cancels_by_the_job(page: Client) -> None:
    run = submitted(page)

    page.post(reverse("admin:runs_job_cancel", args=[run.jobs.get().pk]))

    assert run.jobs.get().state == Job.State.CANCELLED


@pytest.mark.parametrize("of", ["job", "thread"])
def test_it_interrupts_a_thread(page: Client, of: str) -> None:
    run = submitted(page)
    places = {
        "job": reverse("admin:runs_job_interrupt", args=[run.jobs.get().pk]),
        "thread": reverse("admin:threads_thread_interrupt", args=[run.thread_id]),
    }

    page.post(places[of])

    assert run.jobs.get().state == Job.State.SUPERSEDED


def test_it_submits_the_input_of_a_finished_run_again(page: Client) -> None:
    run = submitted(page)
    job = run.jobs.get()
    page.post(reverse("admin:runs_run_cancel", args=[run.pk]))

    page.post(reverse("admin:runs_job_requeue", args=[job.pk]))

    again = Run.objects.exclude(pk=run.pk).get()
    assert (again.thread_id, again.agent_id) == (run.thread_id, run.agent_id)
    texts = list(again.thread.messages.filter(run_id=again.pk).values_list("content", flat=True))
    assert texts == [[{"type": "text", "text": "Hello"}]]


def test_it_says_that_nothing_was_left_to_cancel(page: Client) -> None:
    run, _ = samples.a_day()

    answer = page.post(reverse("admin:runs_run_cancel", args=[run.pk]), follow=True)

    assert "not found" in answer.content.decode()


def test_it_deletes_a_thread_after_asking(page: Client) -> None:
    run = submitted(page)
    address = reverse("admin:threads_thread_delete", args=[run.thread_id])

    assert "all its messages" in page.get(address).content.decode()
    page.post(address, {"post": "yes"})

    assert not Thread.objects.filter(pk=run.thread_id).exists()


# --- keys ------------------------------------------------------------------------------------


def test_it_shows_the_secret_of_a_new_key_once(page: Client) -> None:
    answer = page.post(
        reverse("admin:access_apikey_add"),
        {"name": "ci", "scopes": ["read", "run"], "resource_id": "r1", "expires_in_days": "30"},
    )
    token = answer.context["token"]
    row = ApiKey.objects.get()
    later = page.get(reverse("admin:access_apikey_change", args=[row.pk])).content.decode()

    assert token in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert token.partition(".")[2] not in later
    assert (row.scopes, row.resource_id) == (["read", "run"], "r1")
    assert row.expires_at is not None
    assert keys.verify(token)


def test_it_wants_at_least_one_scope(page: Client) -> None:
    answer = page.post(reverse("admin:access_apikey_add"), {"name": "ci"})

    assert "scopes" in answer.context["adminform"].form.errors
    assert not ApiKey.objects.exists()


def test_it_disables_a_key(page: Client) -> None:
    page.post(reverse("admin:access_apikey_add"), {"name": "ci", "scopes": ["read"]})
    row = ApiKey.objects.get()

    page.post(reverse("admin:access_apikey_disable", args=[row.pk]))

    row.refresh_from_db()
    assert row.disabled


def test_it_offers_no_deletion_of_keys(page: Client) -> None:
    page.post(reverse("admin:access_apikey_add"), {"name": "ci", "scopes": ["read"]})
    row = ApiKey.objects.get()

    answer = page.post(reverse("admin:access_apikey_delete", args=[row.pk]), {"post": "yes"})

    assert answer.status_code == 403


# --- who may ---------------------------------------------------------------------------------

VERBS = {
    "runs_run_cancel": "change_run",
    "runs_job_cancel": "change_job",
    "runs_job_interrupt": "change_job",
    "runs_job_requeue": "change_job",
    "threads_thread_interrupt": "change_run",
    "runs_toolcall_approve": "change_toolcall",
    "runs_toolcall_deny": "change_toolcall",
    "runs_toolcall_answer": "change_toolcall",
    "access_apikey_disable": "change_apikey",
}


def viewer(*names: str) -> Client:
    user = User.objects.create_user("rita", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("verb", VERBS)
def test_it_refuses_a_verb_to_those_who_may_only_look(db: None, verb: str) -> None:
    looks = viewer(*(name.replace("change_", "view_") for name in VERBS.values()))

    assert looks.post(reverse(f"admin:{verb}", args=["1"])).status_code == 403


@pytest.mark.parametrize(("verb", "permission"), VERBS.items())
def test_it_grants_a_verb_with_its_permission(db: None, verb: str, permission: str) -> None:
    answer = viewer(permission).post(reverse(f"admin:{verb}", args=["1"]))

    assert answer.status_code == 302  # nothing is there to act on: it says so and goes back


@pytest.mark.parametrize("verb", VERBS)
def test_it_checks_where_a_verb_comes_from(operator: User, verb: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)

    assert strict.post(reverse(f"admin:{verb}", args=["1"])).status_code == 403


@pytest.mark.parametrize("verb", VERBS)
def test_it_does_nothing_by_following_a_link(page: Client, verb: str) -> None:
    assert page.get(reverse(f"admin:{verb}", args=["1"])).status_code == 405


def test_it_shows_viewers_no_buttons(db: None) -> None:
    _, call = samples.a_day()
    looks = viewer("view_run", "view_toolcall", "view_job")
    pages = [
        reverse("admin:runs_run_change", args=[call.run_id]),
        reverse("admin:runs_toolcall_changelist"),
        reverse("admin:runs_job_changelist"),
    ]

    for address in pages:
        text = looks.get(address).content.decode()
        assert not re.search(r"(approve|deny|cancel|requeue|interrupt)/", text), address


def test_it_hides_figures_from_those_who_may_not_see_their_rows(db: None) -> None:
    samples.a_day()

    context = viewer("view_thread").get(reverse("admin:index")).context

    assert not any(name in context for name in ("day", "slowest", "queue", "approvals"))


def test_it_lets_nobody_write_rows_directly(page: Client) -> None:
    run, _ = samples.a_day()
    names = ("runs_run", "runs_job", "runs_toolcall", "threads_thread", "config_snapshot")

    for name in names:
        assert page.get(reverse(f"admin:{name}_add")).status_code == 403
    assert page.post(reverse("admin:runs_run_delete", args=[run.pk])).status_code == 403
