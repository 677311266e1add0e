"""Tool calls that wait for somebody."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import NOTHING, ago, button, link
from agentserver.core.admin.filters import ChoiceFilter
from runs.admin.decisions import PERMISSION, decision_verbs, is_yes_or_no, question
from runs.admin.shown import call_badge, run_link, thread_link
from runs.models import ToolCall

MOST_ARGUMENTS = 120


class CallFilter(ChoiceFilter):
    """What waits, along the index of what waits; or everything, the newest first."""

    title = "calls"
    parameter_name = "calls"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [("every", "Every call")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        waits = self.value() is None
        return queryset.filter(status=ToolCall.Status.SUSPENDED) if waits else queryset


@admin.register(ToolCall)
class ToolCallAdmin(PageAdmin):
    page_template = "admin/runs/call.html"
    payloads = ("result", "answers")
    live_channels = "runs"
    list_display = ("name", "state", "arguments_cell", "agent", "run_cell", "since", "verbs_cell")
    list_display_links = ("name",)
    list_filter = (CallFilter,)
    search_fields = ("run_id",)
    search_help_text = "A run id or its beginning"
    empty_text = "No run waits for an approval or an answer."

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-id",) if CallFilter.parameter_name in request.GET else ("updated_at", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolCall]:
        rows = super().get_queryset(request).select_related("run")
        return rows.defer(*self.payloads, *(f"run__{name}" for name in _RUN_PAYLOADS))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().changelist_view(request, {"title": "Approvals", **(extra_context or {})})

    @admin.display(description="Status")
    def state(self, call: ToolCall) -> str:
        return call_badge(call)

    @admin.display(description="Arguments")
    def arguments_cell(self, call: ToolCall) -> SafeString:
        text = question(call)["arguments"]
        short = text if len(text) <= MOST_ARGUMENTS else f"{text[:MOST_ARGUMENTS]}…"
        return format_html('<code class="as-inline-code">{}</code>', short)

    @admin.display(description="Agent")
    def agent(self, call: ToolCall) -> str:
        return call.run.agent_id

    @admin.display(description="Run")
    def run_cell(self, call: ToolCall) -> str:
        return run_link(call.run_id)

    @admin.display(description="Since")
    def since(self, call: ToolCall) -> str:
        return ago(call.updated_at)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        may = request.user.has_perm(PERMISSION)
        return self.list_display if may else self.list_display[:-1]

    @admin.display(description="Decide")
    def verbs_cell(self, call: ToolCall) -> SafeString | str:
        if call.status != ToolCall.Status.SUSPENDED:
            return NOTHING
        if not is_yes_or_no(call):
            return link(self.page_link(call.pk), "Answer …")
        approve = button(self.verb_link("approve", call.pk), "Approve", kind="ok")
        deny = button(self.verb_link("deny", call.pk), "Deny", kind="bad")
        return format_html('<span class="as-buttons">{}{}</span>', approve, deny)

    def page_context(self, request: HttpRequest, row: ToolCall) -> Mapping[str, Any]:
        return {
            "title": row.name,
            "badge": call_badge(row),
            "run_link": run_link(row.run_id),
            "thread_link": thread_link(row.run.thread_id),
            "waits": row.status == ToolCall.Status.SUSPENDED,
            "question": question(row),
            "result": row.result,
            "may_decide": request.user.has_perm(PERMISSION),
            "page_url": self.page_link(row.pk),
        }

    def row_verbs(self) -> Sequence[Verb]:
        return decision_verbs()


_RUN_PAYLOADS = ("request_extras", "output", "final_output", "error_payload", "usage")
