"""Threads with what runs on them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from agentserver.access.identity import principal_of
from agentserver.core.admin import Verb
from agentserver.core.errors import ApiError
from runs import services
from runs.admin.runs import RunAdmin
from runs.admin.shown import LIVE_EVENTS, run_badge, run_duration, run_link
from runs.models import Run
from threads.admin import ThreadPages
from threads.models import Thread

MOST_RUNS = 30


@admin.register(Thread)
class ThreadAdmin(ThreadPages):
    """`interrupt` needs ``runs.change_run``; deleting ends the thread's work first."""

    verbs = frozenset({"delete"})

    def page_context(self, request: HttpRequest, row: Thread) -> Mapping[str, Any]:
        runs = self._runs(row)
        return {
            **super().page_context(request, row),
            "runs": [
                {
                    "run": run,
                    "badge": run_badge(run),
                    "link": run_link(run.pk),
                    "duration": run_duration(run),
                }
                for run in runs
            ],
            "is_busy": any(not run.is_done for run in runs),
            "may_interrupt": request.user.has_perm("runs.change_run"),
            "interrupt_url": self.verb_link("interrupt", row.pk),
            "page_url": self.page_link(row.pk),
            "live_events": LIVE_EVENTS,
            "delete_url": self.verb_link("delete", row.pk),
            "may_delete": self.has_delete_permission(request, row),
        }

    def _runs(self, thread: Thread) -> list[Run]:
        rows = Run.objects.filter(thread=thread).defer(*RunAdmin.payloads)
        return list(rows.order_by("-created_at", "-id")[:MOST_RUNS])

    # --- verbs ----------------------------------------------------------------------------------

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("interrupt", "runs.change_run", self._interrupt)]

    def _interrupt(self, request: HttpRequest, key: str) -> str:
        done = services.interrupt_thread(principal=principal_of(request), thread_id=key)
        return f"The thread is interrupted; {done.superseded} queued job(s) were dropped."

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, dict(extra_context or {}))
        except ApiError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(self.list_url())

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Not listed one by one: a thread may hold very many messages and events."""
        what = "all its messages, runs and events"
        return [f"{thread}, with {what}" for thread in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: Thread) -> None:
        services.delete_thread(principal=principal_of(request), thread_id=obj.pk)
