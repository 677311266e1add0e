"""The five AG-UI routes."""

from dataclasses import replace
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import EventStream, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import NotFound
from agentserver.core.sse import EventStreamResponse
from agentserver.protocols.ag_ui import examples
from agentserver.protocols.ag_ui.decode import decode
from agentserver.protocols.ag_ui.listing import messages_of
from agentserver.protocols.ag_ui.stream import run_stream
from agentserver.protocols.ag_ui.turns import begin
from agentserver.protocols.ag_ui.wire import (
    AgUiEvent,
    AgUiInterrupted,
    AgUiMessageList,
    RunAgentBody,
)
from runs.services import interrupt_thread
from threads.access import get_thread_for
from threads.api.wire import MessageListQuery
from threads.selectors import page_of_messages

EVENTS = EventStream("The events of the run, from RUN_STARTED to its end", data=AgUiEvent)
_LAST_WORDS_SECONDS = 60
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Clients send the whole conversation with each run, files included."""


class AgUiView(ApiView):
    tag = "ag-ui"


class RunView(AgUiView):
    """Subclasses take thread or agent from the path."""

    max_body_bytes = MAX_BODY_BYTES

    @operation(
        "Run an agent",
        answers={200: EVENTS},
        errors=(404, 409),
        examples={"body": examples.RUN_INPUT_WITH_AGENT, 200: examples.EVENT_STREAM},
    )
    def post(self, request: Request, body: RunAgentBody) -> HttpResponseBase:
        """Takes a RunAgentInput and streams what comes of it. Messages that the thread already has
        are recognised by their ids; tool messages and `resume` continue a run that waits."""
        return self.stream(request, body)

    def stream(
        self,
        request: Request,
        body: RunAgentBody,
        *,
        thread_id: str | None = None,
        agent_id: str | None = None,
    ) -> HttpResponseBase:
        asked = decode(body, thread_id=thread_id, agent_id=agent_id)
        turn = begin(principal_of(request), asked)
        return EventStreamResponse(
            run_stream(asked, turn),
            request=request._request,
            # The stream ends by itself before that, with an event that says so.
            max_seconds=settings.AGENTSERVER_STREAM_SECONDS + _LAST_WORDS_SECONDS,
        )


class ThreadRunView(RunView):
    @operation(
        "Run an agent on a thread",
        answers={200: EVENTS},
        errors=(404, 409),
        examples={"body": examples.RUN_INPUT_WITH_AGENT, 200: examples.EVENT_STREAM},
    )
    def post(self, request: Request, thread_id: str, body: RunAgentBody) -> HttpResponseBase:
        """As `/v1/ag-ui/run`; the thread of the path goes before that of the body."""
        return self.stream(request, body, thread_id=thread_id)


class AgentRunView(RunView):
    @operation(
        "Run a certain agent",
        answers={200: EVENTS},
        errors=(404, 409),
        examples={"body": examples.RUN_INPUT, 200: examples.EVENT_STREAM},
    )
    def post(self, request: Request, agent_id: str, body: RunAgentBody) -> HttpResponseBase:
        """As `/v1/ag-ui/run`; the agent of the path goes before that of the body."""
        return self.stream(request, body, agent_id=agent_id)


class InterruptView(AgUiView):
    @operation(
        "Stop a thread",
        answers={202: AgUiInterrupted},
        errors=(404,),
        examples={202: examples.INTERRUPTED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """Drops every queued run and cancels the active or waiting one. 404 when there was none."""
        stopped = interrupt_thread(principal=principal_of(request), thread_id=thread_id)
        answer = {
            "status": "interrupt_requested",
            "thread_id": thread_id,
            "superseded_dispatches": stopped.superseded,
        }
        return json_answer(answer, status=202)


class MessagesView(AgUiView):
    @operation(
        "List the messages of a thread",
        answers={200: AgUiMessageList},
        examples={200: examples.MESSAGES},
    )
    def get(self, request: Request, id: str, query: MessageListQuery) -> HttpResponse:
        """As AG-UI messages that a client can load. A thread that does not exist has none."""
        try:
            thread = get_thread_for(principal_of(request), id)
        except NotFound:
            return json_answer({"messages": [], "total": 0, "has_more": False, "next_cursor": None})
        page = page_of_messages(thread=thread, wanted=query.wanted, query=query)
        messages = messages_of(page.rows, newest_first=query.order == "desc")
        # Rows, corrected by what the rows of this page make of themselves.
        total = page.total - len(page.rows) + len(messages)
        return json_answer(replace(page, total=total).body(messages, name="messages"))
