"""Runs: listing, reading, starting with a stream, cancelling."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.access.principal import Principal
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import EventStream, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import NotFound
from agentserver.core.ids import new_id, optional_id
from agentserver.core.sse import EventStreamResponse
from runs import services
from runs.access import get_run_for, run_not_found
from runs.api import examples
from runs.api.answers import ActiveRun, NativeEvent, RunBody, RunList, RunStopped
from runs.api.idempotency import idempotency_key
from runs.api.records import run_record
from runs.api.streams import relayed, run_frames
from runs.api.wire import RunCreate, RunListQuery, StreamQuery, extras_of, usable_messages
from runs.selectors import active_run, latest_run, page_of_runs, view_of
from threads.api.wire import checked_parent, checked_resource

RUN_STREAM = EventStream("The events of the run, to its end", data=NativeEvent)


def _page(principal: Principal, query: RunListQuery, thread_id: str | None) -> HttpResponse:
    page = page_of_runs(principal=principal, query=query, thread_id=thread_id, status=query.wanted)
    return json_answer(page.body([run_record(view) for view in page.rows]))


class RunsView(ApiView):
    tag = "runs"

    @operation("List runs", answers={200: RunList}, examples={200: examples.RUN_LIST})
    def get(self, request: Request, query: RunListQuery) -> HttpResponse:
        """The oldest first."""
        return _page(principal_of(request), query, None)

    @operation(
        "Start a run and stream it",
        answers={200: RUN_STREAM},
        errors=(404, 409),
        headers=("Idempotency-Key",),
        examples={"body": examples.START, 200: examples.STREAM},
    )
    def post(self, request: Request, body: RunCreate, query: StreamQuery) -> HttpResponseBase:
        """Latest wins: what runs on the thread is cancelled and what waits there is dropped.

        `x-run-id` and `x-thread-id` name what was started. The stream stays open while the run
        waits for decisions; a client that goes away does not stop the run. With an
        `Idempotency-Key` a repeat streams the first run again, from its start.
        """
        submitted = services.submit_foreground(_foreground(request, body))
        run = submitted.run
        frames = run_frames(run, fresh=submitted.fresh, close_on_suspend=query.close_on_suspend)
        return EventStreamResponse(
            relayed(frames),
            headers={"x-run-id": run.pk, "x-thread-id": run.thread_id},
            request=request._request,
        )


def _foreground(request: Request, body: RunCreate) -> services.Input:
    return services.Input(
        principal=principal_of(request),
        agent_id=body.agent,
        messages=usable_messages(body.messages),
        thread_id=optional_id(body.thread_id, what="thread_id"),
        resource_id=checked_resource(body.resource_id),
        parent_thread_id=checked_parent(body.parent_thread_id),
        run_id=new_id(),
        extras=extras_of(body.tools),
        idempotency_key=idempotency_key(request),
    )


class RunView(ApiView):
    tag = "runs"

    @operation("Get a run", answers={200: RunBody}, errors=(404,), examples={200: examples.RUN})
    def get(self, request: Request, run_id: str) -> HttpResponse:
        run = get_run_for(principal_of(request), run_id)
        return json_answer(run_record(view_of(run)))


class RunCancelView(ApiView):
    tag = "runs"

    @operation(
        "Cancel a run",
        answers={202: RunStopped},
        errors=(404,),
        examples={202: examples.RUN_STOPPED},
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        """Queued, running or waiting; 404 when it is done already. Any body is ignored."""
        services.cancel(
            principal=principal_of(request), any_id=run_id, missing=run_not_found(run_id)
        )
        return json_answer({"status": "cancel_requested", "run_id": run_id}, status=202)


class ThreadRunsView(ApiView):
    tag = "runs"

    @operation(
        "List the runs of a thread", answers={200: RunList}, examples={200: examples.RUN_LIST}
    )
    def get(self, request: Request, thread_id: str, query: RunListQuery) -> HttpResponse:
        """The oldest first. A thread that does not exist has none."""
        return _page(principal_of(request), query, thread_id)


class LatestRunView(ApiView):
    tag = "runs"

    @operation(
        "Get the latest run of a thread",
        answers={200: RunBody},
        errors=(404,),
        examples={200: examples.RUN},
    )
    def get(self, request: Request, thread_id: str) -> HttpResponse:
        """The one that was updated last."""
        run = latest_run(principal=principal_of(request), thread_id=thread_id)
        if run is None:
            raise NotFound(f"run not found: no runs for thread {thread_id}")
        return json_answer(run_record(view_of(run)))


class ActiveRunView(ApiView):
    tag = "runs"

    @operation(
        "Get the active run of a thread",
        answers={200: ActiveRun},
        examples={200: {"active_run": None}},
    )
    def get(self, request: Request, thread_id: str) -> HttpResponse:
        """The run that is executed or waits for decisions, else the oldest queued one, or null."""
        run = active_run(principal=principal_of(request), thread_id=thread_id)
        return json_answer({"active_run": run and run_record(view_of(run))})
