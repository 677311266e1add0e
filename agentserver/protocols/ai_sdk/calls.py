"""Tool calls on the wire, from the first character of their input to their outcome."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from agentserver.protocols.ai_sdk.chunks import Chunk, data_chunk, given
from runs.events.types import (
    Suspension,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
)


@dataclass
class Call:
    """`approval_id` is the ticket that was shown as an approval request; `quiet` when the outcome
    was already told with the input."""

    name: str
    state: Literal["streaming", "ready", "settled"] = "streaming"
    approval_id: str = ""
    quiet: bool = False


def is_question(suspension: Suspension) -> bool:
    """Whether the tool wants an answer in a shape of its own, which no approval can carry."""
    return suspension.kind != "client_tool" and suspension.response_schema is not None


def is_approval(suspension: Suspension) -> bool:
    """Whether yes or no is an answer."""
    return suspension.kind != "client_tool" and suspension.response_schema is None


class CallBook:
    """The calls of one message. Knows what its readers were told, and so what they still miss."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    @property
    def unsettled(self) -> list[str]:
        return [call_id for call_id, call in self._calls.items() if call.state != "settled"]

    def started(self, event: ToolCallStarted) -> Iterator[Chunk]:
        self._calls[event.call_id] = Call(event.name)
        yield {
            "type": "tool-input-start",
            "toolCallId": event.call_id,
            "toolName": event.name,
        }

    def delta(self, event: ToolCallDelta) -> Iterator[Chunk]:
        if event.call_id in self._calls and event.delta:
            yield input_delta(event.call_id, event.delta)

    def ready(self, event: ToolCallReady) -> Iterator[Chunk]:
        call = self._calls.setdefault(event.call_id, Call(event.name))
        chunk: Chunk = {
            "type": "tool-input-available",
            "toolCallId": event.call_id,
            "toolName": event.name,
            "input": event.arguments,
        }
        if event.invalid is None:
            call.state = "ready"
            yield chunk
        else:
            call.state, call.quiet = "settled", True
            yield {**chunk, "type": "tool-input-error", "errorText": event.invalid}

    def progress(self, event: ToolCallProgress) -> Iterator[Chunk]:
        told = event.model_dump(exclude={"type", "call_id", "child_run_id"}, exclude_none=True)
        data = {"toolCallId": event.call_id, **told, **given(childRunId=event.child_run_id)}
        yield data_chunk("tool-progress", data, part_id=event.call_id, transient=True)

    def output(self, event: ToolCallOutput) -> Iterator[Chunk]:
        data = {"toolCallId": event.call_id, "name": event.name, "delta": event.delta}
        yield data_chunk("tool-output", data, transient=True)

    def finished(self, event: ToolCallFinished) -> Iterator[Chunk]:
        call = self._calls.get(event.call_id)
        if call is None or call.quiet:
            return
        if event.outcome == "suspended":
            if event.suspension is not None:
                yield from self._asked(event.call_id, call, event.suspension)
            return
        call.state = "settled"
        yield _outcome(event, call)

    def _asked(self, call_id: str, call: Call, suspension: Suspension) -> Iterator[Chunk]:
        call.state = "ready"
        if is_question(suspension):
            yield data_chunk("question", _question(call_id, suspension), part_id=call_id)
        elif is_approval(suspension) and call.approval_id != suspension.ticket_id:
            call.approval_id = suspension.ticket_id
            yield {
                "type": "tool-approval-request",
                "approvalId": suspension.ticket_id,
                "toolCallId": call_id,
            }

    def give_up(self, reason: str) -> Iterator[Chunk]:
        """Ends every call that nobody will answer any more."""
        for call_id in self.unsettled:
            self._calls[call_id].state = "settled"
            yield error_output(call_id, reason)


def input_delta(call_id: str, text: str) -> Chunk:
    return {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": text}


def error_output(call_id: str, text: str) -> Chunk:
    return {"type": "tool-output-error", "toolCallId": call_id, "errorText": text}


def _outcome(event: ToolCallFinished, call: Call) -> Chunk:
    if event.outcome == "succeeded":
        output: Any = event.message if event.data is None else event.data
        return {"type": "tool-output-available", "toolCallId": event.call_id, "output": output}
    was_asked = bool(call.approval_id)
    if was_asked and (event.denied or (event.outcome == "cancelled" and event.resumed)):
        return {"type": "tool-output-denied", "toolCallId": event.call_id}
    return error_output(event.call_id, event.error or event.message or event.outcome)


def _question(call_id: str, suspension: Suspension) -> dict[str, Any]:
    return {
        "toolCallId": call_id,
        "ticketId": suspension.ticket_id,
        **given(
            message=suspension.message,
            parameters=suspension.parameters,
            responseSchema=suspension.response_schema,
        ),
    }
