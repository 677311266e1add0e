"""Threads as far as runs matter to them: summaries, run ids, deletion, cancel and interrupt."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import empty_answer, json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView
from agentserver.core.clock import to_ms
from runs import services
from runs.api import examples
from runs.api.answers import SummaryList, ThreadInterrupted, ThreadStopped, ThreadWithRuns
from runs.api.wire import DeleteQuery
from runs.selectors import page_of_summaries, runs_of_thread
from threads.access import get_thread_for
from threads.api import examples as thread_examples
from threads.api import views as thread_views
from threads.api.views import thread_filter
from threads.api.wire import ThreadListQuery, ThreadPatch, thread_body
from threads.models import Thread
from threads.services import thread_not_found


class ThreadSummariesView(ApiView):
    tag = "threads"

    @operation(
        "List threads with their titles and agents",
        answers={200: SummaryList},
        examples={200: examples.SUMMARY_LIST},
    )
    def get(self, request: Request, query: ThreadListQuery) -> HttpResponse:
        """The most recently updated first; `agent_id` is that of the latest run."""
        page = page_of_summaries(
            principal=principal_of(request), wanted=thread_filter(query), query=query
        )
        return json_answer(page.body([_summary(row) for row in page.rows], with_place=True))


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["name"],
        "updated_at": to_ms(row["updated_at"]),
        "agent_id": row["agent_id"],
        "resource_id": row["resource"] or None,
        "parent_thread_id": row["parent_thread_id"],
    }


class ThreadView(thread_views.ThreadView):
    """Adds the runs that a thread points at, and its deletion."""

    def present(self, thread: Thread) -> dict[str, Any]:
        return thread_body(thread) | _run_ids(thread)

    @operation(
        "Get a thread",
        answers={200: ThreadWithRuns},
        errors=(404,),
        examples={200: examples.THREAD_WITH_RUNS},
    )
    def get(self, request: Request, thread_id: str) -> HttpResponse:
        return json_answer(self.present(get_thread_for(principal_of(request), thread_id)))

    @operation(
        "Change a thread",
        answers={200: ThreadWithRuns},
        errors=(404,),
        body=ThreadPatch,
        examples={"body": thread_examples.CHANGE, 200: thread_examples.CHANGED},
    )
    def patch(self, request: Request, thread_id: str) -> HttpResponseBase:
        """Merges `custom` at its top level; `{}` only moves `updated_at`."""
        return super().patch(request, thread_id)

    @operation("Delete a thread", answers={204: None}, errors=(404,))
    def delete(self, request: Request, thread_id: str, query: DeleteQuery) -> HttpResponse:
        """Ends its runs and removes everything it holds. Child threads lose their parent
        (`detach`), forbid the deletion (`reject`) or go too (`cascade`)."""
        services.delete_thread(
            principal=principal_of(request),
            thread_id=thread_id,
            child_strategy=query.child_strategy,
        )
        return empty_answer()


def _run_ids(thread: Thread) -> dict[str, Any]:
    runs = runs_of_thread(thread.pk)
    known = {
        "active_run_id": runs.active and runs.active.pk,
        "open_run_id": runs.open and runs.open.pk,
        "latest_run_id": runs.latest and runs.latest.pk,
        "latest_run_updated_at": runs.latest and to_ms(runs.latest.updated_at),
    }
    return {name: value for name, value in known.items() if value is not None}


class ThreadMetadataView(ThreadView):
    """``PATCH /v1/threads/:id/metadata`` is the same as ``PATCH /v1/threads/:id``."""

    http_method_names = ["patch"]


class ThreadCancelView(ApiView):
    tag = "threads"

    @operation(
        "Cancel one run of a thread",
        answers={202: ThreadStopped},
        errors=(404,),
        examples={202: examples.THREAD_STOPPED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """The active run, else the next queued one. The queue goes on. Any body is ignored."""
        services.cancel(
            principal=principal_of(request),
            any_id=thread_id,
            missing=thread_not_found(thread_id),
        )
        return json_answer({"status": "cancel_requested", "thread_id": thread_id}, status=202)


class ThreadInterruptView(ApiView):
    tag = "threads"

    @operation(
        "Stop a thread",
        answers={202: ThreadInterrupted},
        errors=(404,),
        examples={202: examples.THREAD_INTERRUPTED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """Drops every queued job and cancels the active run. 404 when there was neither."""
        stopped = services.interrupt_thread(principal=principal_of(request), thread_id=thread_id)
        answer = {
            "status": "interrupt_requested",
            "thread_id": thread_id,
            "superseded_jobs": stopped.superseded,
            "superseded_dispatches": stopped.superseded,
        }
        return json_answer(answer, status=202)
