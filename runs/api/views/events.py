"""The durable event log of runs and threads: pages, and streams that can be taken up again."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import EventStream, operation
from agentserver.core.api.views import ApiView
from agentserver.core.sse import EventStreamResponse
from runs.access import get_run_for
from runs.api import examples
from runs.api.answers import EventEntry, EventList
from runs.api.entries import EventPage, page_of_run, page_of_thread
from runs.api.streams import relayed, run_entries, thread_entries
from runs.api.wire import EventListQuery, EventStreamQuery
from runs.events import cursor, log
from threads.access import get_thread_for

ENTRY_STREAM = EventStream("Entries as they come, the cursor as id", data=EventEntry)
BEGINNING = "0"


def _answer(page: EventPage) -> HttpResponse:
    return json_answer(
        {
            "items": page.items,
            "next_cursor": page.next_cursor,
            "has_more": page.next_cursor is not None,
        }
    )


def _asked_start(request: Request, query: EventStreamQuery) -> str:
    """The query counts before the header; "" is now."""
    return query.cursor.strip() or str(request.headers.get("Last-Event-ID", "")).strip()


class RunEventsView(ApiView):
    tag = "events"

    @operation(
        "List the events of a run",
        answers={200: EventList},
        errors=(404, 410),
        examples={200: examples.EVENT_LIST},
    )
    def get(self, request: Request, run_id: str, query: EventListQuery) -> HttpResponse:
        """Committed events from the beginning, or behind `cursor`."""
        run = get_run_for(principal_of(request), run_id)
        seq = cursor.run_position(query.cursor, run) if query.cursor.strip() else 0
        return _answer(page_of_run(run, after_seq=seq, limit=query.limit))


class RunEventStreamView(ApiView):
    tag = "events"

    @operation(
        "Follow the events of a run",
        answers={200: ENTRY_STREAM},
        errors=(404, 410),
        headers=("Last-Event-ID",),
    )
    def get(self, request: Request, run_id: str, query: EventStreamQuery) -> HttpResponseBase:
        """From `cursor`, else from the `Last-Event-ID` header, else from now, to the run's end."""
        run = get_run_for(principal_of(request), run_id)
        start = _asked_start(request, query)
        seq = cursor.run_position(start, run) if start else run.last_seq
        frames = relayed(run_entries(run, after_seq=seq))
        return EventStreamResponse(frames, request=request._request)


class ThreadEventsView(ApiView):
    tag = "events"

    @operation(
        "List the events of a thread",
        answers={200: EventList},
        errors=(404, 410),
        examples={200: examples.EVENT_LIST},
    )
    def get(self, request: Request, thread_id: str, query: EventListQuery) -> HttpResponse:
        """Committed events of all its runs, from the beginning or behind `cursor`."""
        thread = get_thread_for(principal_of(request), thread_id)
        position = _thread_position(query.cursor.strip() or BEGINNING, thread.pk)
        return _answer(page_of_thread(thread.pk, position=position, limit=query.limit))


class ThreadEventStreamView(ApiView):
    tag = "events"

    @operation(
        "Follow the events of a thread",
        answers={200: ENTRY_STREAM},
        errors=(404, 410),
        headers=("Last-Event-ID",),
    )
    def get(self, request: Request, thread_id: str, query: EventStreamQuery) -> HttpResponseBase:
        """From `cursor`, else from the `Last-Event-ID` header, else from now; open between runs."""
        thread = get_thread_for(principal_of(request), thread_id)
        start = _asked_start(request, query)
        position = _thread_position(start, thread.pk) if start else log.thread_end(thread.pk)
        frames = relayed(thread_entries(thread.pk, position=position))
        return EventStreamResponse(frames, request=request._request)


def _thread_position(asked: str, thread_id: str) -> tuple[int, int]:
    return (0, 0) if asked == BEGINNING else cursor.thread_position(asked, thread_id)
