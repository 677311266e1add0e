"""What a message to an interrupted task decides: leave for a tool call, or an answer.

A decision is a data part ``{"decision": "approve" | "reject", "toolCallId"?}``, or a text that is
exactly one of a few words. To a request for leave any other text is a refusal, which the agent
reads: nothing but a clear yes lets a tool run. To everything else the text or the data itself is
the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentserver.core.exact_json import dumps, loads
from agentserver_a2a.errors import Violation, invalid
from agentserver_a2a.wire import Message
from runs.models import ToolCall
from runs.services import Decided
from runs.tools.questions import answer_problems


@dataclass(frozen=True, slots=True)
class Answered:
    """`is_read`: the agent reads the message itself, too. What only lets a call run, or is the
    result of one, is no turn of the conversation to it."""

    decision: Decided
    is_read: bool = False


APPROVALS: Final = frozenset({"approve", "approved", "yes", "ok"})
REFUSALS: Final = frozenset({"reject", "rejected", "deny", "denied", "no"})
DENIED: Final = "denied by the user"
_LEAVE: Final = frozenset({"permission", "unknown_outcome"})


def answered(message: Message, calls: Sequence[ToolCall]) -> Answered:
    """The decision about one of the open ``calls``: the one that is named, else the first.

    Raises `InvalidParams` for a call that does not wait, and for an answer of the wrong form.
    """
    data = _data(message)
    call = _addressed(data, calls)
    asked = asking(call)
    if asked.suspension["kind"] in _LEAVE:
        return Answered(_leave(message, data, call, asked))
    is_read = call.suspension["kind"] == "question"
    return Answered(_answer(message, data, call, asked), is_read=is_read)


def asking(call: ToolCall) -> ToolCall:
    """The call that really asks: behind a delegate it is one of the run that was delegated to."""
    while call.suspension["kind"] == "delegate":
        waiting = ToolCall.objects.filter(
            run_id=call.child_run_id, status=ToolCall.Status.SUSPENDED
        )
        inner = waiting.order_by("step", "position").first()
        if inner is None:
            break
        call = inner
    return call


def _data(message: Message) -> Any:
    """The value of the first data part that is an object, else of the first one at all."""
    values = [part.value for part in message.parts if part.kind == "data"]
    objects = [value for value in values if isinstance(value, dict)]
    return next(iter([*objects, *values]), None)


def _text(message: Message) -> str:
    return "\n".join(part.value for part in message.parts if part.kind == "text").strip()


def _addressed(data: Any, calls: Sequence[ToolCall]) -> ToolCall:
    wanted = data.get("toolCallId") if isinstance(data, dict) else None
    if wanted is None:
        return calls[0]
    for call in calls:
        if wanted in (call.call_id, call.ticket_id):
            return call
    known = ", ".join(call.call_id for call in calls)
    raise _wrong(f"toolCallId: no such call waits; these do: {known}")


def _wrong(description: str) -> Exception:
    return invalid([Violation("message.parts", description)])


# --- leave ----------------------------------------------------------------------------------------
def _leave(message: Message, data: Any, call: ToolCall, asked: ToolCall) -> Decided:
    text = _text(message)
    word = _word(data)
    if word is None and not text:
        raise _wrong('a decision is needed: {"decision": "approve"} or {"decision": "reject"}')
    said = word or _plain(text)
    if said in APPROVALS:
        return Decided(reference=call.call_id, action="resume")
    feedback = _feedback(text, data)
    if asked.suspension["kind"] == "unknown_outcome":
        # What is said takes the place of the result that got lost.
        return Decided(reference=call.call_id, action="cancel", payload=feedback or DENIED)
    told = f"{DENIED}: {feedback}" if feedback else DENIED
    return Decided(reference=call.call_id, action="cancel", error=told)


def _word(data: Any) -> str | None:
    """The decision of a data part; `InvalidParams` for another word than the known ones."""
    if not isinstance(data, dict) or "decision" not in data:
        return None
    word = data["decision"]
    if isinstance(word, str) and _plain(word) in APPROVALS | REFUSALS:
        return _plain(word)
    raise _wrong("decision: must be approve or reject")


def _plain(text: str) -> str:
    return text.strip().casefold()


def _feedback(text: str, data: Any) -> str:
    reason = data.get("reason") if isinstance(data, dict) else None
    told = text or (reason if isinstance(reason, str) else "")
    return "" if _plain(told) in REFUSALS | APPROVALS else told


# --- answers --------------------------------------------------------------------------------------
def _answer(message: Message, data: Any, call: ToolCall, asked: ToolCall) -> Decided:
    schema = asked.suspension.get("response_schema")
    payload, text = _payload(message, data, schema)
    if _declines(data) and (schema is None or answer_problems(schema, payload)):
        told = f"{DENIED}: {feedback}" if (feedback := _feedback(_text(message), data)) else DENIED
        return Decided(reference=call.call_id, action="cancel", error=told)
    problems = answer_problems(schema, payload)
    if problems:
        raise _wrong("the answer does not fit the question: " + "; ".join(problems))
    is_client_tool = asked.suspension["kind"] == "client_tool"
    return Decided(
        reference=call.call_id,
        action="resume",
        payload=payload,
        text=text if is_client_tool else None,
    )


def _declines(data: Any) -> bool:
    word = data.get("decision") if isinstance(data, dict) else None
    return isinstance(word, str) and _plain(word) in REFUSALS


def _payload(message: Message, data: Any, schema: Any) -> tuple[Any, str]:
    """The answer as a value, and as the text that a model reads."""
    if any(part.kind == "data" for part in message.parts):
        value = data
        if isinstance(data, dict):
            value = {key: each for key, each in data.items() if key != "toolCallId"}
        return value, dumps(value)
    text = _text(message)
    if not text:
        raise _wrong("a text or a data part is needed to answer")
    return _parsed(text, schema), text


def _parsed(text: str, schema: Any) -> Any:
    """The text, or the JSON it holds where only that fits the question."""
    if schema is None or not answer_problems(schema, text):
        return text
    try:
        value = loads(text)
    except ValueError:
        return text
    return text if answer_problems(schema, value) else value
