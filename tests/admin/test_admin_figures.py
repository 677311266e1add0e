"""The dashboard's figures and the timeline, from rows to what is shown."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse

from agentserver.core.clock import now
from runs.admin.timeline import Mark, Step, timeline_of
from runs.models import Job, Run, RunEvents
from tests.admin import samples

# --- the dashboard ---------------------------------------------------------------------------


def dashboard(page: Client) -> Any:
    return page.get(reverse("admin:index")).context


def test_it_sums_tokens_and_cost_by_agent_and_model(page: Client) -> None:
    thread = samples.make_thread()
    samples.make_run(thread, cost_usd=Decimal("0.5"))
    samples.make_run(thread, cost_usd=Decimal("0.75"), input_tokens=10)
    samples.make_run(thread, agent_id="other", cost_usd=None)

    usage = {(each.agent_id, each.model): each for each in dashboard(page)["day"]["usage"]}

    adder = usage[("adder", "default")]
    assert (adder.runs, adder.input_tokens, adder.output_tokens) == (2, 250, 120)
    assert adder.money == "$1.25"
    assert usage[("other", "default")].cost is None


def test_it_counts_runs_of_an_hour_by_how_they_ended(page: Client) -> None:
    thread = samples.make_thread()
    for code in ("natural", "natural", "error", "cancelled", "stopped:max_rounds"):
        samples.make_run(thread, termination_code=code)

    newest = dashboard(page)["day"]["hours"][-1]

    assert newest.counts == {"completed": 2, "failed": 1, "cancelled": 1, "stopped": 1}


def test_it_leaves_out_what_is_older_than_a_day(page: Client) -> None:
    thread = samples.make_thread()
    samples.make_run(thread, created_at=now() - timedelta(hours=25))
    samples.make_run(thread, created_at=now() - timedelta(hours=23))

    assert dashboard(page)["day"]["runs"] == "1"


def test_it_names_the_slowest_and_the_failing_agents(page: Client) -> None:
    thread = samples.make_thread()
    began = now() - timedelta(hours=1)
    slow = began + timedelta(seconds=90)
    samples.make_run(thread, agent_id="slow", started_at=began, finished_at=slow)
    samples.make_run(thread, agent_id="bad", termination_code="error")
    samples.make_run(thread, agent_id="bad")

    context = dashboard(page)

    assert context["slowest"][0]["agent_id"] == "slow"
    assert context["slowest"][0]["median"] == "2 min"
    assert [(each.agent_id, each.failure_share) for each in context["day"]["failing"]] == [
        ("bad", 50)
    ]


def test_it_shows_the_depth_of_the_queue(page: Client) -> None:
    run = samples.make_run(samples.make_thread())
    samples.make_job(run, state=Job.State.QUEUED)
    samples.make_job(run, state=Job.State.QUEUED, available_at=now() + timedelta(hours=1))
    samples.make_job(run, state=Job.State.DEAD_LETTER)

    depths = {each["title"]: each["count"] for each in dashboard(page)["queue"]}

    assert depths == {"Due now": "1", "Due later": "1", "Running": "0", "Given up": "1"}


def test_it_counts_what_waits_beside_the_menu_entry(page: Client) -> None:
    samples.a_day()

    navigation = dashboard(page)["sidebar_navigation"]

    approvals = next(item for item in navigation[0]["items"] if item["title"] == "Approvals")
    assert str(approvals["badge_callback"]) == "1"


# --- the timeline ----------------------------------------------------------------------------


def event(seq: int, kind: str, **members: Any) -> dict[str, Any]:
    return {"seq": seq, "at": 1000 * seq, "type": kind, **members}


def test_it_keeps_what_belongs_to_a_step_together() -> None:
    line = timeline_of(
        [
            event(1, "step_started", step=0, message_id="m"),
            event(2, "text_started", message_id="m", block_id="b"),
            event(3, "text_delta", block_id="b", delta="Hel"),
            event(4, "text_delta", block_id="b", delta="lo"),
            event(5, "inference_completed", message_id="m", model="x", duration_ms=1500,
                  usage={"prompt_tokens": 3, "completion_tokens": 2}, cost_usd="0.25"),
            event(6, "step_finished", step=0),
        ]
    )  # fmt: skip

    step = line.steps[0]
    assert (step.text, step.model, step.inference, step.duration) == (
        "Hello",
        "x",
        "1.5 s",
        "5.0 s",
    )
    assert (step.prompt_tokens, step.completion_tokens, step.cost) == (3, 2, "$0.2500")


def test_it_shows_a_call_from_question_to_result() -> None:
    line = timeline_of(
        [
            event(1, "step_started", step=0, message_id="m"),
            event(2, "tool_call_ready", call_id="c", name="rm", message_id="m", arguments={"p": 1}),
            event(3, "tool_call_finished", call_id="c", name="rm", outcome="suspended",
                  result_message_id="r"),
            event(9, "tool_call_decided", call_id="c", ticket_id="t", decision_id="d",
                  action="resume"),
            event(11, "tool_call_finished", call_id="c", name="rm", outcome="succeeded",
                  result_message_id="r", data={"ok": True}, resumed=True),
        ]
    )  # fmt: skip

    call = line.steps[0].calls[0]
    assert (call.status, call.decisions, call.duration) == ("succeeded", ["approved"], "2.0 s")
    assert '"ok": true' in call.result


def test_it_marks_what_happened_between_the_steps() -> None:
    line = timeline_of(
        [
            event(1, "run_started", thread_id="t", run_id="r", agent_id="a", attempt=2,
                  cause="recover"),
            event(2, "error_reported", message="slow provider"),
            event(3, "run_finished", thread_id="t", run_id="r", steps=0,
                  termination={"type": "error", "detail": "no model"}),
        ]
    )  # fmt: skip

    marks = [(entry.kind, entry.text) for entry in line.entries if isinstance(entry, Mark)]
    assert marks == [
        ("start", "Recovered, attempt 2"),
        ("fault", "slow provider"),
        ("fault", "Finished: error, no model"),
    ]


def test_it_leaves_out_what_a_reset_voided(page: Client) -> None:
    run = samples.make_run(samples.make_thread())
    stored: Any = [
        event(1, "step_started", step=0, message_id="m"),
        event(2, "text_started", message_id="m", block_id="b"),
        event(3, "text_delta", block_id="b", delta="lost"),
        event(4, "step_reset", step=0, after_seq=1, reason="crash"),
        event(5, "step_started", step=0, message_id="m2"),
        event(6, "text_started", message_id="m2", block_id="b2"),
        event(7, "text_delta", block_id="b2", delta="kept"),
    ]
    RunEvents.objects.create(run=run, first_seq=1, last_seq=7, events=stored)

    line = page.get(reverse("admin:runs_run_change", args=[run.pk])).context["line"]

    assert [step.text for step in line.steps] == ["", "kept"]


def test_it_survives_events_out_of_any_order() -> None:
    line = timeline_of([event(1, "text_delta", block_id="b", delta="x"), event(2, "unheard_of")])

    assert isinstance(line.entries[0], Step)
    assert line.log[0]["type"] == "unheard_of"


def test_it_shows_hostile_text_as_text(page: Client) -> None:
    run = samples.make_run(
        samples.make_thread(title="<script>alert(1)</script>"), agent_id="<img src=x>"
    )
    samples.make_job(run, last_error="<script>alert(2)</script>")
    addresses = [
        reverse("admin:index"),
        reverse("admin:runs_run_changelist"),
        reverse("admin:runs_job_changelist"),
        reverse("admin:threads_thread_changelist"),
        reverse("admin:runs_run_change", args=[run.pk]),
        reverse("admin:threads_thread_change", args=[run.thread_id]),
        reverse("admin:runs_job_change", args=[run.jobs.get().pk]),
    ]

    for address in addresses:
        text = page.get(address).content.decode()
        assert "<script>alert" not in text, address
        assert "<img src=x>" not in text, address


def test_it_opens_runs_of_every_status(page: Client) -> None:
    thread = samples.make_thread()
    for status in Run.Status.values:
        finished = {} if status == "done" else {"finished_at": None}
        run = samples.make_run(thread, status=status, **finished)
        assert page.get(reverse("admin:runs_run_change", args=[run.pk])).status_code == 200
