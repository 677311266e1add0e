"""Runs and jobs as readers need them. The number of queries never depends on the size of a page."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from agentserver.access.principal import Principal
from agentserver.core.api.paging import CursorQuery, Listing, Page
from runs.events import log
from runs.events.types import RunSuspended
from runs.models import Job, Run, RunArtifact, ToolCall
from threads.models import Message
from threads.selectors import ThreadFilter, page_of_threads

RUNS = Listing("run", "run_", ("created_at", "id"))
JOBS = Listing("job", "job_", ("priority", "created_at", "id"))
# What no reader of a run is shown.
_RUN_PAYLOADS = ("request_extras", "output")
_CALL_PAYLOADS = ("result", "answers")


@dataclass(frozen=True)
class RunView:
    """A run, the tool calls of its last two steps, and the id of its newest job ("" if pruned)."""

    run: Run
    calls: Sequence[ToolCall]
    job_id: str


@dataclass(frozen=True)
class JobView:
    """A job with its run and the messages that the run was submitted with."""

    job: Job
    messages: Sequence[Message]


@dataclass(frozen=True)
class ThreadRuns:
    """The runs a thread points at: executing now, unfinished (queued and waiting too), newest."""

    active: Run | None
    open: Run | None
    latest: Run | None


# --- runs -----------------------------------------------------------------------------------------


def page_of_runs(
    *, principal: Principal, query: CursorQuery, thread_id: str | None = None, status: str = ""
) -> Page[RunView]:
    """The oldest first; of one thread when ``thread_id`` is given. At most five queries."""
    rows = _visible(principal).defer(*_RUN_PAYLOADS)
    if thread_id is not None:
        rows = rows.filter(thread_id=thread_id)
    if status:
        rows = rows.filter(status=status)
    bound = [principal.resource_id, thread_id, status]
    page = RUNS.page(rows, query, filters={"runs": bound})
    return Page(_views(page.rows), page.offset, page.limit, page.total, page.next_cursor)


def view_of(run: Run) -> RunView:
    return _views([run])[0]


def artifacts_of(run_ids: Collection[str]) -> dict[str, list[RunArtifact]]:
    """What each of the runs has published, in its order; one query."""
    found: dict[str, list[RunArtifact]] = {run_id: [] for run_id in run_ids}
    rows = RunArtifact.objects.filter(run_id__in=found).order_by("run_id", "position")
    for row in rows:
        found[row.run_id].append(row)
    return found


def latest_run(*, principal: Principal, thread_id: str) -> Run | None:
    return _latest(_visible(principal).filter(thread_id=thread_id))


def active_run(*, principal: Principal, thread_id: str) -> Run | None:
    """The run that holds the thread (running or waiting), else the oldest queued one."""
    return _open(_visible(principal).filter(thread_id=thread_id))


def run_under_way(*, principal: Principal, thread_id: str) -> Run | None:
    """The thread's run that goes on without anybody's help: executed, queued, or about to resume.

    None for a thread that rests: idle, or waiting for people or clients.
    """
    run = active_run(principal=principal, thread_id=thread_id)
    return run if run and is_under_way(run.pk) else None


def is_under_way(run_id: str) -> bool:
    """Whether more events of the run will come by themselves."""
    status = _status(run_id)
    if status != Run.Status.WAITING:
        return status in {Run.Status.CREATED, Run.Status.RUNNING}
    if Job.objects.filter(run_id=run_id, state__in=[Job.State.QUEUED, Job.State.CLAIMED]).exists():
        return True
    waiting = ToolCall.objects.filter(run_id=run_id, status=ToolCall.Status.SUSPENDED)
    children = waiting.exclude(child_run_id="").values_list("child_run_id", flat=True)
    # A delegate that has ended is about to let this run go on.
    ended = {None, Run.Status.DONE}
    return any(_status(child) in ended or is_under_way(child) for child in children)


def _status(run_id: str) -> str | None:
    return Run.objects.filter(pk=run_id).values_list("status", flat=True).first()


def runs_of_thread(thread_id: str) -> ThreadRuns:
    runs = Run.objects.filter(thread_id=thread_id).defer(*_RUN_PAYLOADS)
    unfinished = _open(runs)
    executing = unfinished and unfinished.status == Run.Status.RUNNING
    return ThreadRuns(
        active=unfinished if executing else None, open=unfinished, latest=_latest(runs)
    )


def _visible(principal: Principal) -> QuerySet[Run]:
    return principal.scope_queryset(Run.objects.all(), "thread__resource_id")


def _latest(runs: QuerySet[Run]) -> Run | None:
    return runs.order_by("-updated_at", "-created_at", "-id").first()


def _open(runs: QuerySet[Run]) -> Run | None:
    unfinished = runs.exclude(status=Run.Status.DONE)
    return unfinished.order_by(F("turn").asc(nulls_last=True), "created_at", "id").first()


def _views(runs: Sequence[Run]) -> list[RunView]:
    ids = [run.pk for run in runs]
    calls, jobs = _calls(ids), _newest_jobs(ids)
    return [RunView(run, calls[run.pk], jobs.get(run.pk, "")) for run in runs]


def _calls(run_ids: Iterable[str]) -> dict[str, list[ToolCall]]:
    rows = ToolCall.objects.filter(run_id__in=run_ids, step__gte=F("run__steps") - 1)
    found: dict[str, list[ToolCall]] = defaultdict(list)
    for call in rows.defer(*_CALL_PAYLOADS).order_by("run_id", "step", "position"):
        found[call.run_id].append(call)
    return found


def _newest_jobs(run_ids: Iterable[str]) -> dict[str, str]:
    jobs = Job.objects.filter(run_id__in=run_ids).order_by("created_at", "id")
    return dict(jobs.values_list("run_id", "pk"))


# --- threads --------------------------------------------------------------------------------------


def page_of_summaries(
    *, principal: Principal, wanted: ThreadFilter, query: CursorQuery
) -> Page[dict[str, Any]]:
    """Dicts of id, updated_at, name (the title), resource, parent_thread_id, and agent_id of the
    thread's latest run."""
    runs = Run.objects.filter(thread_id=OuterRef("pk"))
    newest = runs.order_by("-updated_at", "-created_at", "-id")
    columns = {
        "name": F("title"),
        "resource": F("resource_id"),
        "parent_thread_id": F("parent_id"),
        "agent_id": Subquery(newest.values("agent_id")[:1]),
    }
    return page_of_threads(principal=principal, wanted=wanted, query=query, columns=columns)


# --- jobs -----------------------------------------------------------------------------------------


def page_of_jobs(
    *, principal: Principal, thread_id: str, query: CursorQuery, status: str = ""
) -> Page[JobView]:
    """All jobs of a thread that are still kept, the most urgent first. At most four queries."""
    rows = principal.scope_queryset(
        Job.objects.filter(thread_id=thread_id), "thread__resource_id"
    ).select_related("run")
    if status:
        rows = rows.filter(state=status)
    rows = rows.defer("run__output", "run__final_output")
    bound = [principal.resource_id, thread_id, status]
    page = JOBS.page(rows, query, filters={"jobs": bound})
    messages = _input_messages([job.run for job in page.rows])
    views = [JobView(job, messages[job.run_id]) for job in page.rows]
    return Page(views, page.offset, page.limit, page.total, page.next_cursor)


def _input_messages(runs: Iterable[Run]) -> dict[str, list[Message]]:
    """By run id: the messages of its submission, without those that joined it while it ran."""
    ranges = {run.pk: (run.input_from_seq or 0, run.input_to_seq or 0) for run in runs}
    found: dict[str, list[Message]] = {run_id: [] for run_id in ranges}
    rows = Message.objects.filter(run_id__in=list(ranges), step_index__isnull=True).order_by("seq")
    for message in rows:
        first, last = ranges[message.run_id]
        if first <= message.seq <= last:
            found[message.run_id].append(message)
    return found


# --- open questions -------------------------------------------------------------------------------
def waiting_run(*, principal: Principal, thread_id: str) -> Run | None:
    """The run of the thread that waits for answers, if one does."""
    return _visible(principal).filter(thread_id=thread_id, status=Run.Status.WAITING).first()


def suspended_calls(run: Run) -> list[ToolCall]:
    """The calls of a run that wait for an answer, in the model's order."""
    waiting = ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED)
    return list(waiting.order_by("step", "position"))


def calls_behind(*, thread_id: str, references: Iterable[str]) -> dict[str, ToolCall]:
    """Calls of a thread by the ids of calls or tickets that name them; the newest of each."""
    wanted = set(references)
    calls = ToolCall.objects.filter(run__thread_id=thread_id)
    found: dict[str, ToolCall] = {}
    for call in calls.filter(Q(call_id__in=wanted) | Q(ticket_id__in=wanted)).order_by("pk"):
        found |= dict.fromkeys(wanted & {call.call_id, call.ticket_id}, call)
    return found


def suspended_at(call: ToolCall) -> int:
    """The seq at which the call's run rested with it unanswered for the last time; 0 if never."""
    rests = [
        record.seq
        for record in log.read(call.run_id)
        if isinstance(record.event, RunSuspended)
        and any(ticket.ticket_id == call.ticket_id for ticket in record.event.tickets)
    ]
    return max(rests, default=0)


def answer_times(*, run_ids: Iterable[str], call_ids: Iterable[str]) -> dict[str, datetime]:
    """When calls got their latest outcome, by call id."""
    calls = ToolCall.objects.filter(run_id__in=set(run_ids), call_id__in=set(call_ids))
    return dict(calls.values_list("call_id", "updated_at"))
