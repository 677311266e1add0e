"""How the states of runs, jobs and calls look, alike on every page."""

from typing import get_args

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.safestring import SafeString

from agentserver.core.admin.cells import NOTHING, badge, link, short, span
from agentserver.core.clock import now
from runs.events.types import AnyEvent
from runs.models import Job, Run, ToolCall

# What the channels of a run and of a thread may send: a browser listens to names, not to all.
LIVE_EVENTS = " ".join(
    kind.model_fields["type"].default for kind in get_args(get_args(AnyEvent)[0])
)
_GOOD_ENDS = ("natural", "behavior_requested")
_RUN_KINDS = {"created": "none", "running": "busy", "waiting": "wait"}
_JOB_KINDS = {
    Job.State.QUEUED: "wait",
    Job.State.CLAIMED: "busy",
    Job.State.ACCEPTED: "ok",
    Job.State.DEAD_LETTER: "bad",
}
_CALL_KINDS = {
    ToolCall.Status.RUNNING: "busy",
    ToolCall.Status.RESUMING: "busy",
    ToolCall.Status.SUSPENDED: "wait",
    ToolCall.Status.SUCCEEDED: "ok",
    ToolCall.Status.FAILED: "bad",
}


def outcome(status: str, termination: str) -> str:
    """``completed``, ``stopped``, ``cancelled``, ``failed``, or the status of a run under way."""
    if status != Run.Status.DONE:
        return {"created": "queued"}.get(status, status)
    if termination in _GOOD_ENDS:
        return "completed"
    word = termination.partition(":")[0]
    return word if word in {"stopped", "cancelled"} else "failed"


def run_badge(run: Run) -> SafeString:
    text = outcome(run.status, run.termination_code)
    return badge(text, _RUN_KINDS.get(run.status) or ending_kind(text))


def ending_kind(text: str) -> str:
    return {"completed": "ok", "failed": "bad"}.get(text, "none")


def job_badge(job: Job) -> SafeString:
    return badge(job.get_state_display(), _JOB_KINDS.get(Job.State(job.state), "none"))


def call_badge(call: ToolCall) -> SafeString:
    waits = call.status == ToolCall.Status.SUSPENDED
    text = "waiting" if waits else call.get_status_display().lower()
    return badge(text, _CALL_KINDS.get(ToolCall.Status(call.status), "none"))


def run_duration(run: Run) -> str:
    if run.started_at is None:
        return NOTHING
    return span(((run.finished_at or now()) - run.started_at).total_seconds())


def run_url(run_id: str) -> str:
    return reverse("admin:runs_run_change", args=[quote(run_id)])


def run_link(run_id: str, text: str = "") -> SafeString:
    return link(run_url(run_id), text or short(run_id), title=run_id)


def thread_link(thread_id: str, text: str = "") -> SafeString:
    url = reverse("admin:threads_thread_change", args=[quote(thread_id)])
    return link(url, text or short(thread_id), title=thread_id)
