"""Runs: the list, and the page with a run's timeline, conversation and open questions."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from agentserver.access.identity import principal_of
from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import NOTHING, ago, amount, link, money, tokens
from agentserver.core.admin.filters import ChoiceFilter, DateRange
from config.models import Entry, Snapshot
from config.namespaces import AGENTS
from runs import services
from runs.admin.decisions import PERMISSION as MAY_DECIDE
from runs.admin.decisions import question
from runs.admin.records import events_of
from runs.admin.shown import (
    LIVE_EVENTS,
    run_badge,
    run_duration,
    run_link,
    run_url,
    thread_link,
)
from runs.admin.timeline import timeline_of
from runs.models import Run, ToolCall
from threads.admin import bubbles
from threads.admin.conversation import pretty
from threads.models import Message

MOST_CHILDREN = 50
MOST_MESSAGES = 200


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = column = "status"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Run.Status.choices]


class AgentFilter(ChoiceFilter):
    title = "agent"
    parameter_name = column = "agent_id"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        rows = Entry.objects.visible().of_namespace(AGENTS).order_by("key")
        return [(key, key) for key in rows.values_list("key", flat=True)]


@admin.register(Run)
class RunAdmin(PageAdmin):
    page_template = "admin/runs/run.html"
    part_template = "admin/runs/run_part.html"
    payloads = ("request_extras", "output", "final_output", "error_payload", "usage")
    live_channels = "runs"
    list_display = ("name", "state", "agent", "thread_cell", "duration", "steps", "used", "cost",
                    "model_cell", "created")  # fmt: skip
    list_display_links = ("name",)
    list_filter = (StatusFilter, AgentFilter, ("created_at", DateRange))
    search_fields = ("id", "thread_id")
    search_help_text = "A run id or a thread id, or its beginning"
    ordering = ("-created_at", "-id")
    empty_text = "Start one with POST /v1/runs; it will appear here by itself."

    @admin.display(description="Status")
    def state(self, run: Run) -> str:
        return run_badge(run)

    @admin.display(description="Run")
    def name(self, run: Run) -> str:
        return f"…{run.pk[-12:]}" if len(run.pk) > 20 else run.pk

    @admin.display(description="Agent")
    def agent(self, run: Run) -> str:
        return run.agent_id

    @admin.display(description="Model")
    def model_cell(self, run: Run) -> str:
        return run.model_name or NOTHING

    @admin.display(description="Thread")
    def thread_cell(self, run: Run) -> str:
        return thread_link(run.thread_id)

    @admin.display(description="Duration")
    def duration(self, run: Run) -> str:
        return run_duration(run)

    @admin.display(description="Tokens")
    def used(self, run: Run) -> str:
        return tokens(run)

    @admin.display(description="Cost")
    def cost(self, run: Run) -> str:
        return money(run.cost_usd)

    @admin.display(description="Created")
    def created(self, run: Run) -> str:
        return ago(run.created_at)

    # --- the page -------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, row: Run) -> Mapping[str, Any]:
        line = timeline_of(events_of(row))
        return {
            "title": f"Run of {row.agent_id}",
            "badge": run_badge(row),
            "facts": self._facts(row),
            "line": line,
            "questions": self._questions(row),
            "may_decide": request.user.has_perm(MAY_DECIDE),
            "may_cancel": not row.is_done and request.user.has_perm(self.permission("change")),
            "cancel_url": self.verb_link("cancel", row.pk),
            "page_url": run_url(row.pk),
            "live_events": LIVE_EVENTS,
            "bubbles": bubbles(_messages(row)),
            "jobs": list(row.jobs.order_by("created_at")[:MOST_CHILDREN]),
            "children": self._children(row),
            "error": pretty(row.error_payload) if row.error_payload else "",
            "output": pretty(row.output) if row.output is not None else "",
        }

    def _facts(self, run: Run) -> list[tuple[str, Any]]:
        """The line of figures at the top: title and value."""
        facts: list[tuple[str, Any]] = [
            ("Agent", run.agent_id),
            ("Model", run.model_name or NOTHING),
            ("Duration", run_duration(run)),
            ("Steps", run.steps),
            ("Input tokens", amount(run.input_tokens)),
            ("Output tokens", amount(run.output_tokens)),
            ("Cost", money(run.cost_usd)),
            ("Attempts", run.attempt),
            ("Thread", thread_link(run.thread_id)),
            ("Configuration", _version(run)),
            ("Created", ago(run.created_at)),
        ]
        if run.parent_id:
            facts.append(("Called by", run_link(run.parent_id)))
        if run.cancel_requested and not run.is_done:
            facts.append(("Asked to stop", run.get_cancel_requested_display()))
        return facts

    def _questions(self, run: Run) -> list[Mapping[str, Any]]:
        if run.status != Run.Status.WAITING:
            return []
        calls = ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED)
        return [question(call) for call in calls.defer("result", "answers").order_by("pk")]

    def _children(self, run: Run) -> QuerySet[Run]:
        children = Run.objects.filter(parent_id=run.pk).defer(*self.payloads)
        return children.order_by("created_at")[:MOST_CHILDREN]

    # --- verbs ----------------------------------------------------------------------------------

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("cancel", self.permission("change"), self._cancel)]

    def _cancel(self, request: HttpRequest, key: str) -> str:
        services.cancel_run(principal=principal_of(request), run_id=key)
        return "The run is asked to stop."


def _messages(run: Run) -> list[Message]:
    """What the run was given and what it added, in the order the model reads it."""
    rows = Message.objects.filter(run_id=run.pk, thread_id=run.thread_id).order_by("seq")
    return list(rows[:MOST_MESSAGES])


def _version(run: Run) -> Any:
    version = f"version {run.config_version}"
    if not Snapshot.objects.filter(pk=run.config_version).exists():
        return version
    return link(reverse("admin:config_snapshot_change", args=[run.config_version]), version)
