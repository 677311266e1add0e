"""``/v1/threads``: what needs no knowledge of runs.

The runs API extends these: it subclasses `ThreadView` (DELETE, run ids through `present`) and
`ThreadMessagesView` (POST) and routes their paths to its own classes.
"""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import BadRequest
from threads.access import get_thread_for
from threads.api import examples
from threads.api.wire import (
    MessageList,
    MessageListQuery,
    ThreadBody,
    ThreadCreate,
    ThreadList,
    ThreadListQuery,
    ThreadPatch,
    checked_parent,
    checked_resource,
    message_body,
    thread_body,
)
from threads.models import Thread
from threads.selectors import ThreadFilter, page_of_messages, page_of_threads
from threads.services import KEEP, ThreadChanges, create_thread, update_thread


def thread_filter(query: ThreadListQuery) -> ThreadFilter:
    if query.root and query.parent_thread_id is not None:
        raise BadRequest("root=true cannot be combined with parentThreadId")
    return ThreadFilter(
        resource_id=query.resource_id, parent_id=query.parent_thread_id, root=query.root
    )


class ThreadsView(ApiView):
    tag = "threads"

    @operation("List thread ids", answers={200: ThreadList}, examples={200: examples.THREAD_LIST})
    def get(self, request: Request, query: ThreadListQuery) -> HttpResponse:
        """The most recently updated first."""
        page = page_of_threads(
            principal=principal_of(request), wanted=thread_filter(query), query=query, columns={}
        )
        return json_answer(page.body([row["id"] for row in page.rows], with_place=True))

    @operation(
        "Create a thread",
        answers={201: ThreadBody},
        empty_body=True,
        examples={"body": examples.CREATE, 201: examples.THREAD},
    )
    def post(self, request: Request, body: ThreadCreate) -> HttpResponse:
        """Each call makes a new thread."""
        title, custom = body.merged()
        thread = create_thread(
            principal=principal_of(request),
            title=title,
            custom=custom,
            resource_id=checked_resource(body.resource_id),
            parent_id=checked_parent(body.parent_thread_id),
        )
        return json_answer(thread_body(thread), status=201)


class ThreadView(ApiView):
    tag = "threads"

    def present(self, thread: Thread) -> dict[str, Any]:
        """What an answer shows; a subclass may add members."""
        return thread_body(thread)

    @operation(
        "Get a thread", answers={200: ThreadBody}, errors=(404,), examples={200: examples.THREAD}
    )
    def get(self, request: Request, thread_id: str) -> HttpResponse:
        return json_answer(self.present(get_thread_for(principal_of(request), thread_id)))

    @operation(
        "Change a thread",
        answers={200: ThreadBody},
        errors=(404,),
        examples={"body": examples.CHANGE, 200: examples.CHANGED},
    )
    def patch(self, request: Request, thread_id: str, body: ThreadPatch) -> HttpResponse:
        """Merges `custom` at its top level; `{}` only moves `updated_at`."""
        thread = update_thread(
            principal=principal_of(request), thread_id=thread_id, changes=_changes(body)
        )
        return json_answer(self.present(thread))


def _changes(body: ThreadPatch) -> ThreadChanges:
    """`null` clears only what may be cleared; a blank text counts as absent."""
    sent = body.model_fields_set
    resource = checked_resource(body.resource_id)
    return ThreadChanges(
        title=KEEP if body.title is None else body.title,
        custom=body.custom or {},
        resource_id=(resource or "") if "resource_id" in sent else KEEP,
        parent_id=checked_parent(body.parent_thread_id) if "parent_thread_id" in sent else KEEP,
    )


class ThreadMessagesView(ApiView):
    tag = "threads"

    @operation(
        "List the messages of a thread",
        answers={200: MessageList},
        errors=(404,),
        examples={200: examples.MESSAGE_LIST},
    )
    def get(self, request: Request, thread_id: str, query: MessageListQuery) -> HttpResponse:
        """In the order they were appended. Internal messages are hidden unless asked for."""
        thread = get_thread_for(principal_of(request), thread_id)
        page = page_of_messages(thread=thread, wanted=query.wanted, query=query)
        return json_answer(page.body([message_body(row) for row in page.rows], name="messages"))
