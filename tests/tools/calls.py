"""A call as the engine would make it: a context that collects events, and a thread to run in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from runs.tools import Tool, ToolContext
from runs.tools.invoke import invoke
from runs.tools.result import Outcome

if TYPE_CHECKING:
    from runs.events.types import Event


class Call:
    """One execution: `context` to hand to a tool, `events` it has emitted so far."""

    def __init__(self, **context: Any) -> None:
        self.events: list[Event] = []
        facts: dict[str, Any] = {
            "run_id": "run-1",
            "thread_id": "thread-1",
            "agent_id": "agent-1",
            "call_id": "call-1",
            "tool_name": "probe",
            "emit": self.events.append,
        }
        self.context = ToolContext(**{**facts, **context})


def thread(work: Callable[[], Outcome]) -> Awaitable[Outcome]:
    return asyncio.to_thread(work)


def run(tool: Tool, arguments: object = None, call: Call | None = None) -> Outcome:
    """Invoke a tool on an event loop of its own."""
    context = (call or Call()).context
    return asyncio.run(invoke(tool, arguments, context, run_sync=thread))
