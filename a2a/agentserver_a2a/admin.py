"""Webhooks of tasks: which are served, which were given up and why. Secrets are never shown."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import NOTHING, ago, badge, button, short
from agentserver.core.admin.filters import ChoiceFilter, DateRange
from agentserver.core.errors import NotFound
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push.claims import deliver_again
from runs.admin.shown import run_link

State = PushConfig.State

MOST_IN_BADGE = 99
_KINDS = {State.ACTIVE: "busy", State.DONE: "ok", State.DEAD: "bad"}


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in State.choices]


@admin.register(PushConfig)
class PushConfigAdmin(PageAdmin):
    """`again` revives a webhook that was given up where it failed, and repeats a delivered one."""

    page_template = "admin/a2a/webhook.html"
    live_channels = "runs"
    payloads = ("token", "credentials")
    list_display = ("name", "state_cell", "host", "run_cell", "delivered", "tries", "error",
                    "created", "verbs_cell")  # fmt: skip
    list_display_links = ("name",)
    list_filter = (StateFilter, ("created_at", DateRange))
    search_fields = ("run_id",)
    search_help_text = "The id of a task, or its beginning"
    ordering = ("-id",)
    empty_text = "No task has a webhook. Clients of A2A create them with a task or for one."

    @admin.display(description="Webhook")
    def name(self, row: PushConfig) -> str:
        return short(row.config_id)

    @admin.display(description="State")
    def state_cell(self, row: PushConfig) -> SafeString:
        return _badge(row)

    @admin.display(description="Host")
    def host(self, row: PushConfig) -> str:
        return urlsplit(row.url).netloc

    @admin.display(description="Task")
    def run_cell(self, row: PushConfig) -> str:
        return run_link(row.run_id)

    @admin.display(description="Failures")
    def tries(self, row: PushConfig) -> str | SafeString:
        is_tried = row.state == State.ACTIVE and row.attempts
        if not is_tried:
            return str(row.attempts)
        return format_html("{}, again {}", row.attempts, ago(row.next_attempt_at))

    @admin.display(description="Last error")
    def error(self, row: PushConfig) -> str:
        text = row.last_error
        return (text[:80] + "…" if len(text) > 80 else text) or NOTHING

    @admin.display(description="Created")
    def created(self, row: PushConfig) -> str:
        return ago(row.created_at)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        may = request.user.has_perm(self.permission("change"))
        return self.list_display if may else self.list_display[:-1]

    @admin.display(description="Do")
    def verbs_cell(self, row: PushConfig) -> str | SafeString:
        if row.state == State.ACTIVE:
            return NOTHING
        return button(self.verb_link("again", row.pk), "Deliver again")

    def page_context(self, request: HttpRequest, row: PushConfig) -> Mapping[str, Any]:
        may = request.user.has_perm(self.permission("change"))
        return {
            "title": "Webhook",
            "badge": _badge(row),
            "run_link": run_link(row.run_id),
            "address": _address(row.url),
            "has_token": bool(row.token),
            "most_attempts": settings.AGENTSERVER_PUSH_ATTEMPTS,
            "is_active": row.state == State.ACTIVE,
            "may_act": may and row.state != State.ACTIVE,
            "again": self.verb_link("again", row.pk),
        }

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("again", self.permission("change"), self._again)]

    def _again(self, request: HttpRequest, key: str) -> str:
        if not key.isdecimal():
            raise NotFound("this webhook is gone")
        row = deliver_again(int(key))
        return f"The webhook {short(row.config_id)} is served again."


def given_up(request: HttpRequest) -> str:
    """The number beside “Webhooks” in the menu; "" for none, so that no badge is shown."""
    if not request.user.has_perm("a2a.view_pushconfig"):
        return ""
    rows = PushConfig.objects.filter(state=State.DEAD).order_by("id")
    count = len(rows.values_list("pk", flat=True)[: MOST_IN_BADGE + 1])
    return f"{MOST_IN_BADGE}+" if count > MOST_IN_BADGE else str(count or "")


def _badge(row: PushConfig) -> SafeString:
    return badge(row.get_state_display().lower(), _KINDS[State(row.state)])


def _address(url: str) -> str:
    """Without query and fragment, where secrets like to stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
