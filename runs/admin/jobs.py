"""The mailbox: what waits, what is being worked on, what failed for good."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agentserver.access.identity import principal_of
from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import NOTHING, ago, button, short
from agentserver.core.admin.filters import ChoiceFilter, DateRange
from agentserver.core.errors import NotFound
from runs import services
from runs.admin.shown import job_badge, run_link, thread_link
from runs.models import Job, Run
from threads.models import Message
from threads.services import NewMessage

_OPEN = (Job.State.QUEUED, Job.State.CLAIMED)


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Job.State.choices]


@admin.register(Job)
class JobAdmin(PageAdmin):
    """`cancel` ends the job's run, `interrupt` all work of its thread, `requeue` submits the input
    of a run that is over once more, as a new run on the same thread."""

    page_template = "admin/runs/job.html"
    live_channels = "mailbox runs"
    list_display = ("name", "state_cell", "run_cell", "thread_cell", "kind", "attempts", "due",
                    "error", "created", "verbs_cell")  # fmt: skip
    list_display_links = ("name",)
    list_filter = (StateFilter, ("created_at", DateRange))
    search_fields = ("id", "run_id", "thread_id")
    search_help_text = "The id of a job, a run or a thread, or its beginning"
    # Ids of jobs grow with time, and the primary key is an index.
    ordering = ("-id",)
    empty_text = "Nothing is queued. Finished jobs are kept for a day."

    @admin.display(description="Job")
    def name(self, job: Job) -> str:
        return short(job.pk)

    @admin.display(description="State")
    def state_cell(self, job: Job) -> str:
        return job_badge(job)

    @admin.display(description="Run")
    def run_cell(self, job: Job) -> str:
        return run_link(job.run_id)

    @admin.display(description="Thread")
    def thread_cell(self, job: Job) -> str:
        return thread_link(job.thread_id)

    @admin.display(description="For")
    def kind(self, job: Job) -> str:
        return "continuation" if job.resumes else "start"

    @admin.display(description="Attempts")
    def attempts(self, job: Job) -> str:
        return f"{job.attempt_count} of {job.max_attempts}"

    @admin.display(description="Due, or held until")
    def due(self, job: Job) -> str:
        if job.state == Job.State.CLAIMED:
            return ago(job.lease_until)
        return ago(job.available_at) if job.state == Job.State.QUEUED else NOTHING

    @admin.display(description="Last error")
    def error(self, job: Job) -> str:
        text = job.last_error
        return (text[:80] + "…" if len(text) > 80 else text) or NOTHING

    @admin.display(description="Created")
    def created(self, job: Job) -> str:
        return ago(job.created_at)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        may = request.user.has_perm(self.permission("change"))
        return self.list_display if may else self.list_display[:-1]

    @admin.display(description="Do")
    def verbs_cell(self, job: Job) -> SafeString:
        return format_html('<span class="as-buttons">{}{}</span>', *self._buttons(job))

    def _buttons(self, job: Job) -> tuple[str, str]:
        if job.state not in _OPEN:
            again = button(self.verb_link("requeue", job.pk), "Run again")
            return again, ""
        cancel = button(self.verb_link("cancel", job.pk), "Cancel", confirm="Cancel this run?")
        stop = "Stop everything on this thread and empty its queue?"
        interrupt = button(
            self.verb_link("interrupt", job.pk), "Interrupt thread", kind="bad", confirm=stop
        )
        return cancel, interrupt

    def page_context(self, request: HttpRequest, row: Job) -> Mapping[str, Any]:
        return {
            "title": "Job",
            "badge": job_badge(row),
            "run_link": run_link(row.run_id),
            "thread_link": thread_link(row.thread_id),
            "may_act": request.user.has_perm(self.permission("change")),
            "is_open": row.state in _OPEN,
            "urls": {verb.name: self.verb_link(verb.name, row.pk) for verb in self.row_verbs()},
        }

    # --- verbs ----------------------------------------------------------------------------------

    def row_verbs(self) -> Sequence[Verb]:
        may = self.permission("change")
        return [
            Verb("cancel", may, self._cancel),
            Verb("interrupt", may, self._interrupt),
            Verb("requeue", may, self._requeue),
        ]

    def _cancel(self, request: HttpRequest, key: str) -> str:
        services.cancel_run(principal=principal_of(request), run_id=_job(key).run_id)
        return "The run is asked to stop."

    def _interrupt(self, request: HttpRequest, key: str) -> str:
        thread_id = _job(key).thread_id
        done = services.interrupt_thread(principal=principal_of(request), thread_id=thread_id)
        return f"The thread is interrupted; {done.superseded} queued job(s) were dropped."

    def _requeue(self, request: HttpRequest, key: str) -> str:
        run = _job(key).run
        submitted = services.submit(
            services.Input(
                principal=principal_of(request),
                thread_id=run.thread_id,
                agent_id=run.agent_id,
                messages=_input_of(run),
                extras=run.request_extras,
                must_exist=True,
            )
        )
        return f"Submitted again as run {submitted.run.pk}."


def _job(key: str) -> Job:
    job = Job.objects.filter(pk=key).select_related("run").first()
    if job is None:
        raise NotFound("this job is gone")
    return job


def _input_of(run: Run) -> list[NewMessage]:
    """The messages a run was submitted with, under new ids."""
    rows = Message.objects.filter(run_id=run.pk, step_index__isnull=True).order_by("seq")
    first, last = run.input_from_seq or 0, run.input_to_seq or 0
    return [
        NewMessage(role=row.role, content=row.content, metadata=row.metadata)
        for row in rows
        if first <= row.seq <= last
    ]
