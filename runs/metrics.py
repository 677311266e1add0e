"""Metrics of runs: read off the events once they are committed, and off the queue when asked.

Committed events are the one place where everything a run did passes exactly once: what a fenced
worker wrote is not counted, and what was tried again is.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from prometheus_client.core import GaugeMetricFamily, Metric

from agentserver.core.clock import to_ms
from agentserver.telemetry import collectors
from agentserver.telemetry.observations import (
    observe_claim,
    observe_error,
    observe_first_output,
    observe_inference,
    observe_run_finished,
    observe_tool_call,
)
from runs.events.types import (
    InferenceCompleted,
    ReasoningStarted,
    Record,
    RunFinished,
    RunStarted,
    StepReset,
    TextStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from runs.models import Job, Run

MAX_COUNTED = 100_000
"""Gauges of rows stop counting here: a scrape must stay cheap when a queue is not."""

_OUTPUT = (TextStarted, ReasoningStarted, ToolCallStarted)


# --- what workers did --------------------------------------------------------------------------


def observe_claimed(job: Job) -> None:
    """A job that was just claimed (`Job.updated_at` is the moment of the claim)."""
    observe_claim((job.updated_at - job.available_at).total_seconds())


def observe_committed(run: Run, records: Sequence[Record]) -> None:
    """Events that became part of the log, in their order."""
    for record in records:
        observe = _OBSERVERS.get(type(record.event))
        if observe:
            observe(run, record.event, record.at)
    if records and _begins(run, records[0].event):
        _first_output(run, records)


def _begins(run: Run, event: Any) -> bool:
    return isinstance(event, RunStarted) and event.cause != "resume" and run.steps == 0


def _first_output(run: Run, records: Sequence[Record]) -> None:
    first = next((each for each in records if isinstance(each.event, _OUTPUT)), None)
    if first:
        observe_first_output((first.at - to_ms(run.created_at)) / 1000)


def _inference(run: Run, event: InferenceCompleted, at: int) -> None:
    observe_inference(model=event.model, seconds=event.duration_ms / 1000, usage=event.usage)


def _tool_call(run: Run, event: ToolCallFinished, at: int) -> None:
    observe_tool_call(event.outcome)


def _reset(run: Run, event: StepReset, at: int) -> None:
    # A provider's error is named by its code; the other reasons are sentences.
    observe_error(event.reason if event.reason.isidentifier() else "interrupted")


def _finished(run: Run, event: RunFinished, at: int) -> None:
    if event.termination.type == "error":
        observe_error(event.termination.code or "unknown")
    lasted = (at - to_ms(run.started_at)) / 1000 if run.started_at else None
    observe_run_finished(outcome=event.termination.type, seconds=lasted)


_OBSERVERS: dict[type, Callable[[Run, Any, int], None]] = {
    InferenceCompleted: _inference,
    ToolCallFinished: _tool_call,
    StepReset: _reset,
    RunFinished: _finished,
}


# --- what is waiting ---------------------------------------------------------------------------


def register() -> None:
    collectors.register("runs", collect)


def collect() -> Iterator[Metric]:
    """Each count reads an index of open rows only, however many finished ones there are."""
    yield _gauge(
        "agentserver_mailbox_jobs",
        "Jobs in the queue and in the hands of workers.",
        "state",
        {state.value: Job.objects.filter(state=state) for state in _OPEN_JOBS},
    )
    yield _gauge(
        "agentserver_open_runs",
        "Runs that are not done.",
        "status",
        {status.value: Run.objects.filter(status=status) for status in _OPEN_RUNS},
    )


_OPEN_JOBS = (Job.State.QUEUED, Job.State.CLAIMED)
_OPEN_RUNS = (Run.Status.CREATED, Run.Status.RUNNING, Run.Status.WAITING)


def _gauge(name: str, text: str, label: str, rows: dict[str, QuerySet[Any]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, found in rows.items():
        family.add_metric([value], found.order_by()[:MAX_COUNTED].count())
    return family
