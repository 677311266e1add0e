"""One call of a tool while it is under way, and how callbacks of the connection find it."""

import asyncio
from contextvars import ContextVar
from time import monotonic
from typing import Any

from runs.tools.context import ToolContext
from runs.tools.errors import SuspendCall

PROGRESS_SECONDS = 0.1
ATTRIBUTION = "agentserver/attribution"


class Call:
    """Lives on the engine's loop. `context` None: nobody watches and nobody can be asked.

    `refused` is set once the server has surely not accepted the request, `denied` says why it did
    not let us in. `asked` completes when the server put a question to a person, which ends the call
    for now.
    """

    def __init__(self, context: ToolContext | None) -> None:
        self.context = context
        self.refused = False
        self.denied = ""
        self.asked: asyncio.Future[SuspendCall] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self._reported_at = 0.0
        self._message: str | None = None

    def meta(self) -> dict[str, Any] | None:
        """Who is calling, for the server's own records."""
        if self.context is None:
            return None
        known = self.context
        who = {"agentId": known.agent_id, "threadId": known.thread_id}
        return {ATTRIBUTION: {**who, "runId": known.run_id, "callId": known.call_id}}

    async def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Passed on at most ten times a second, and whenever it says something new."""
        is_last = total is not None and progress >= total
        is_new = message is not None and message != self._message
        if self.context is None or self.over.is_set():
            return
        if not (is_last or is_new) and monotonic() - self._reported_at < PROGRESS_SECONDS:
            return
        self._reported_at, self._message = monotonic(), message
        self.context.progress(loaded=progress, total=total, message=message)

    def suspend(self, question: SuspendCall) -> None:
        if not self.asked.done():
            self.asked.set_result(question)

    def fail(self, error: Exception) -> None:
        """End the call with an error that is no fault of the connection."""
        if not self.asked.done():
            self.asked.set_exception(error)


# What the HTTP transport does for a request runs in the context of its caller; so does what it
# receives on the answer's stream.
current_call: ContextVar[Call | None] = ContextVar("mcp_call", default=None)
