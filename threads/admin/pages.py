"""The list of threads and the page of one, as far as threads know about themselves."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from agentserver.core.admin import PageAdmin
from agentserver.core.admin.cells import NOTHING, ago, amount, link, short
from agentserver.core.admin.filters import DateRange
from threads.admin.conversation import bubbles, pretty
from threads.models import Message, Thread

MESSAGES_PER_PAGE = 100


class ThreadPages(PageAdmin):
    page_template = "admin/threads/thread.html"
    part_template = "admin/threads/thread_part.html"
    payloads = ("custom", "state")
    live_channels = "threads runs"
    list_display = ("name", "resource", "appended", "created", "updated")
    list_filter = (("updated_at", DateRange),)
    search_fields = ("id", "resource_id")
    search_help_text = "A thread id or a resource id, or its beginning"
    ordering = ("-updated_at", "id")
    empty_text = "A thread is a conversation. The first run that a client starts makes one."

    @admin.display(description="Thread")
    def name(self, thread: Thread) -> str:
        return thread.title or short(thread.pk)

    @admin.display(description="Resource")
    def resource(self, thread: Thread) -> str:
        return thread.resource_id or NOTHING

    @admin.display(description="Messages")
    def appended(self, thread: Thread) -> str:
        return amount(thread.message_seq)

    @admin.display(description="Created")
    def created(self, thread: Thread) -> str:
        return ago(thread.created_at)

    @admin.display(description="Updated")
    def updated(self, thread: Thread) -> str:
        return ago(thread.updated_at)

    def page_context(self, request: HttpRequest, row: Thread) -> Mapping[str, Any]:
        messages = self._messages(request, row)
        return {
            "title": str(row),
            "bubbles": bubbles(messages),
            "older": messages[0].seq if len(messages) == MESSAGES_PER_PAGE else None,
            "parent_link": row.parent_id and link(self.page_link(row.parent_id), "Parent thread"),
            "state": pretty(row.state) if row.state else "",
            "custom": pretty(row.custom) if row.custom else "",
        }

    def _messages(self, request: HttpRequest, thread: Thread) -> list[Message]:
        """The last page, or the one that ends before ``?before=<seq>``; in order."""
        rows = Message.objects.filter(thread_id=thread.pk)
        before = request.GET.get("before", "")
        if before.isascii() and before.isdecimal():
            rows = rows.filter(seq__lt=int(before))
        return list(rows.order_by("-seq")[:MESSAGES_PER_PAGE])[::-1]
