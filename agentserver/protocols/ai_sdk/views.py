"""``/v1/ai-sdk``: the eight routes of the AI SDK face."""

from contextlib import suppress

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from agentserver.access.identity import principal_of
from agentserver.core.api.answers import empty_answer, json_answer
from agentserver.core.api.operation import EventStream, operation
from agentserver.core.api.paging import Page
from agentserver.core.api.views import ApiView
from agentserver.core.errors import NotFound
from agentserver.protocols.ai_sdk import examples
from agentserver.protocols.ai_sdk.files import MAX_BODY_BYTES
from agentserver.protocols.ai_sdk.listing import UIMessage, page_of_ui_messages
from agentserver.protocols.ai_sdk.streams import stream
from agentserver.protocols.ai_sdk.turn import Turn, take_turn
from agentserver.protocols.ai_sdk.wire import (
    ChatCancelled,
    ChatInterrupted,
    ChatRequest,
    UIMessageChunk,
    UIMessageList,
)
from runs import services
from runs.selectors import run_under_way
from threads.access import get_thread_for
from threads.api.wire import MessageListQuery

CHUNKS = EventStream("The chunks of one UI message, then `[DONE]`", data=UIMessageChunk)


class _AiSdkView(ApiView):
    tag = "ai-sdk"


class _TurnView(_AiSdkView):
    max_body_bytes = MAX_BODY_BYTES

    def take(
        self,
        request: Request,
        body: ChatRequest,
        *,
        thread_id: str | None = None,
        agent_id: str | None = None,
    ) -> HttpResponseBase:
        turn = take_turn(
            principal=principal_of(request), body=body, thread_id=thread_id, agent_id=agent_id
        )
        return stream(turn, request._request)


class ChatView(_TurnView):
    @operation(
        "Post a chat request",
        answers={200: CHUNKS},
        errors=(404, 409),
        examples={"body": examples.CHAT_WITH_AGENT, 200: examples.CHUNK_STREAM},
    )
    def post(self, request: Request, body: ChatRequest) -> HttpResponseBase:
        """What `useChat` posts: a new message, an edit, a regeneration, or answers to tool calls.

        Latest wins: a run under way on the thread is stopped first. Messages that the thread has
        are not stored again. A client that goes away does not stop the run.
        """
        return self.take(request, body)


class ThreadRunsView(_TurnView):
    @operation(
        "Post a chat request to a thread",
        answers={200: CHUNKS},
        errors=(404, 409),
        examples={"body": examples.CHAT_WITH_AGENT, 200: examples.CHUNK_STREAM},
    )
    def post(self, request: Request, body: ChatRequest, thread_id: str) -> HttpResponseBase:
        """As `/chat`; the thread of the path counts. An unknown id makes the thread."""
        return self.take(request, body, thread_id=thread_id)


class AgentRunsView(_TurnView):
    @operation(
        "Post a chat request to an agent",
        answers={200: CHUNKS},
        errors=(404, 409),
        examples={"body": examples.CHAT, 200: examples.CHUNK_STREAM},
    )
    def post(self, request: Request, body: ChatRequest, agent_id: str) -> HttpResponseBase:
        """As `/chat`; the agent of the path counts."""
        return self.take(request, body, agent_id=agent_id)


class StreamView(_AiSdkView):
    @operation(
        "Resume the message being written",
        answers={200: CHUNKS, 204: None},
        examples={200: examples.CHUNK_STREAM},
    )
    def get(self, request: Request, thread_id: str) -> HttpResponseBase:
        """The whole message from its start, then what follows. 204 when nothing is being written:
        the thread is idle, waits for an answer, or is unknown."""
        run = run_under_way(principal=principal_of(request), thread_id=thread_id)
        return stream(Turn(run.pk), request._request) if run else empty_answer()


class ThreadMessagesView(_AiSdkView):
    @operation(
        "List the UI messages of a thread",
        answers={200: UIMessageList},
        examples={200: examples.UI_MESSAGES},
    )
    def get(self, request: Request, thread_id: str, query: MessageListQuery) -> HttpResponse:
        """In reading order, without the message being written. An unknown thread has none."""
        principal = principal_of(request)
        page: Page[UIMessage] = Page([], query.offset, query.limit, 0, None)
        with suppress(NotFound):
            thread = get_thread_for(principal, thread_id)
            page = page_of_ui_messages(principal=principal, thread=thread, query=query)
        return json_answer(page.body(page.rows, name="messages"))


class ThreadCancelView(_AiSdkView):
    @operation(
        "Cancel the run of a chat",
        answers={202: ChatCancelled},
        errors=(404,),
        examples={202: examples.CANCELLED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """The active run, else the next queued one; its stream ends with `abort`. Any body is
        ignored."""
        services.cancel_thread(principal=principal_of(request), thread_id=thread_id)
        return json_answer({"status": "cancel_requested", "thread_id": thread_id}, status=202)


class ThreadInterruptView(_AiSdkView):
    @operation(
        "Stop a chat",
        answers={202: ChatInterrupted},
        errors=(404,),
        examples={202: examples.INTERRUPTED},
    )
    def post(self, request: Request, thread_id: str) -> HttpResponse:
        """Drops what is queued and cancels the active run. Any body is ignored."""
        stopped = services.interrupt_thread(principal=principal_of(request), thread_id=thread_id)
        answer = {
            "status": "interrupt_requested",
            "thread_id": thread_id,
            "superseded_dispatches": stopped.superseded,
        }
        return json_answer(answer, status=202)
