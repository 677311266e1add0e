"""AG-UI events as plain dicts, and what the encoder is told about client and thread."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentserver.core.exact_json import dumps

Frame = dict[str, Any]


@dataclass(frozen=True)
class Echo:
    """What the client wants to hear again, and what it understands (`modern`: protocol 1.0)."""

    thread_id: str
    run_id: str
    parent_run_id: str | None = None
    modern: bool = True

    @property
    def ids(self) -> Frame:
        return {"threadId": self.thread_id, "runId": self.run_id}


@dataclass(frozen=True)
class Stored:
    """A stored message on the wire; `source` is the id of its row, `written` says by this run."""

    frame: Frame
    source: str
    written: bool


@dataclass(frozen=True)
class History:
    """The thread as its rows have it."""

    messages: Sequence[Stored] = ()
    state: Frame = field(default_factory=dict)


def reasoning_id(message_id: str, number: int) -> str:
    """The id of the reasoning block with this number (from 0) in an assistant message."""
    return f"{message_id}:reasoning:{number}"


def arguments_text(arguments: Any) -> str:
    """Arguments as the JSON text a client holds; text that is no JSON stays what it is."""
    return arguments if isinstance(arguments, str) else dumps(arguments)


def of_message(kind: str, message_id: str) -> Frame:
    return {"type": kind, "messageId": message_id}


def of_call(kind: str, call_id: str) -> Frame:
    return {"type": kind, "toolCallId": call_id}


def of_state(snapshot: Frame) -> Frame:
    return {"type": "STATE_SNAPSHOT", "snapshot": snapshot}
