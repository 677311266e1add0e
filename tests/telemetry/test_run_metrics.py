from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from prometheus_client.core import Metric

from agentserver.core.clock import now, to_ms
from runs import metrics
from runs.events.types import (
    AnyEvent,
    InferenceCompleted,
    Record,
    RunFinished,
    RunStarted,
    StepReset,
    Termination,
    TextStarted,
    ToolCallFinished,
)
from runs.models import Job, Run
from tests.events.samples import make_run
from tests.telemetry.samples import value
from threads.models import Thread

CREATED = now()
START = to_ms(CREATED)


def a_run(**fields: object) -> Run:
    return Run(thread_id="t", agent_id="a", created_at=CREATED, started_at=CREATED, **fields)


def commit(*events: AnyEvent, run: Run | None = None, after_ms: int = 2_000) -> None:
    """Each event ``after_ms`` later than the one before; the first one at the creation."""
    records = [Record(seq, START + seq * after_ms, event) for seq, event in enumerate(events)]
    metrics.observe_committed(run or a_run(), records)


def started(cause: str = "start") -> RunStarted:
    return RunStarted(thread_id="t", run_id="r", agent_id="a", attempt=1, cause=cause)


def finished(type_: str = "natural_end", code: str | None = None) -> RunFinished:
    termination = Termination(type=type_, code=code)
    return RunFinished(thread_id="t", run_id="r", termination=termination, steps=1)


def text() -> TextStarted:
    return TextStarted(message_id="m", block_id="b")


def test_it_counts_a_run_by_its_outcome() -> None:
    before = value("agentserver_runs_total", outcome="blocked")

    commit(started(), finished("blocked"))

    assert value("agentserver_runs_total", outcome="blocked") == before + 1


def test_it_measures_a_run_from_its_first_claim() -> None:
    before = value("agentserver_run_duration_seconds_sum")

    commit(started(), finished())

    assert value("agentserver_run_duration_seconds_sum") == pytest.approx(before + 2, abs=0.01)


def test_it_does_not_measure_a_run_that_nobody_claimed() -> None:
    before = value("agentserver_run_duration_seconds_count")

    run = a_run()
    run.started_at = None
    commit(finished("cancelled"), run=run)

    assert value("agentserver_run_duration_seconds_count") == before


def test_it_measures_the_time_to_the_first_output() -> None:
    before = value("agentserver_time_to_first_token_seconds_sum")

    commit(started(), text(), text())

    after = value("agentserver_time_to_first_token_seconds_sum")
    assert after == pytest.approx(before + 2, abs=0.01)


@pytest.mark.parametrize("events", [[started("resume"), text()], [text()]])
def test_it_measures_no_later_output(events: list[AnyEvent]) -> None:
    before = value("agentserver_time_to_first_token_seconds_count")

    commit(*events)

    assert value("agentserver_time_to_first_token_seconds_count") == before


def test_it_adds_up_tokens_by_model_and_type() -> None:
    labels = {"model": "m-1", "type": "completion"}
    before = value("agentserver_inference_tokens_total", **labels)

    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    commit(InferenceCompleted(message_id="m", model="m-1", usage=usage, duration_ms=1500))

    assert value("agentserver_inference_tokens_total", **labels) == before + 7
    assert value("agentserver_inference_tokens_total", model="m-1", type="total") == 0


def test_it_measures_model_calls_by_model() -> None:
    before = value("agentserver_inference_duration_seconds_sum", model="m-2")

    commit(InferenceCompleted(message_id="m", model="m-2", usage={}, duration_ms=1500))

    assert value("agentserver_inference_duration_seconds_sum", model="m-2") == before + 1.5


def test_it_counts_tool_calls_by_outcome() -> None:
    before = value("agentserver_tool_calls_total", outcome="failed")

    commit(ToolCallFinished(call_id="c", name="n", outcome="failed", result_message_id="m"))

    assert value("agentserver_tool_calls_total", outcome="failed") == before + 1


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (StepReset(step=0, after_seq=0, reason="rate_limit"), "rate_limit"),
        (StepReset(step=0, after_seq=0, reason="the worker shut down"), "interrupted"),
        (finished("error", "auth"), "auth"),
        (finished("error"), "unknown"),
    ],
)
def test_it_counts_errors_by_class(event: AnyEvent, kind: str) -> None:
    before = value("agentserver_errors_total", **{"class": kind})

    commit(event)

    assert value("agentserver_errors_total", **{"class": kind}) == before + 1


def test_it_measures_how_long_a_job_waited_for_its_claim() -> None:
    before = value("agentserver_claim_latency_seconds_sum")

    metrics.observe_claimed(Job(available_at=CREATED, updated_at=CREATED + timedelta(seconds=3)))

    assert value("agentserver_claim_latency_seconds_sum") == pytest.approx(before + 3)


def gauges(families: Iterable[Metric]) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.django_db
def test_it_counts_open_runs_and_jobs() -> None:
    thread = Thread.objects.create()
    waiting = make_run(status="waiting", thread=thread)
    make_run(status="running", turn=2, thread=thread)
    Job.objects.create(thread=thread, run=waiting, state=Job.State.QUEUED)
    Job.objects.create(thread=thread, run=waiting, state=Job.State.ACCEPTED)

    assert gauges(metrics.collect()) == {
        ("agentserver_mailbox_jobs", "Queued"): 1,
        ("agentserver_mailbox_jobs", "Claimed"): 0,
        ("agentserver_open_runs", "created"): 0,
        ("agentserver_open_runs", "running"): 1,
        ("agentserver_open_runs", "waiting"): 1,
    }


@pytest.mark.django_db
@pytest.mark.leg("sqlite")
@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Job.objects.filter(state="Queued"), "job_queued"),
        (Job.objects.filter(state="Claimed"), "job_"),
        (Run.objects.filter(status="waiting"), "run_status_created"),
    ],
)
def test_it_counts_by_an_index(rows: QuerySet[Any], index: str) -> None:
    connection.ensure_connection()

    plan = rows.order_by()[: metrics.MAX_COUNTED].explain()

    assert f"INDEX {index}" in plan
