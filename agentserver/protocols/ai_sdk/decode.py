"""What a posted history says: which messages are new, and what it answers to waiting calls.

Clients post everything they hold, each time. The server is the authority on what was said before,
so of that only ids are looked at, and of the assistant's messages only answers to calls that wait.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentserver.core.exact_json import dumps
from agentserver.core.ids import checked_id, new_id
from agentserver.protocols.ai_sdk.calls import is_approval
from agentserver.protocols.ai_sdk.files import check_files, file_block
from runs.events.types import Suspension
from runs.models import ToolCall
from runs.services import Decided
from threads.content import text_block
from threads.services import NewMessage

CLIENT_METADATA = "client_metadata"
INPUT_ROLES = ("user", "system")
_ANSWERED = {"approval-responded", "output-available", "output-error", "output-denied"}
DENIED = "The user denied this call"

Posted = Mapping[str, Any]


# --- new messages --------------------------------------------------------------------------------
def new_messages(posted: Sequence[Posted], *, stored: Collection[str]) -> list[NewMessage]:
    """The messages to append, in order. ``stored`` are the ids that the thread has already.

    On a thread that has any, only what follows the last message of the assistant counts: what comes
    before is older than the conversation here, and was cut off or never arrived.
    """
    candidates = _tail(posted) if stored else posted
    fresh = [message for message in candidates if not is_stored(message, stored)]
    messages = [each for each in map(new_message, fresh) if each is not None]
    check_files(block for message in messages for block in message.content)
    return messages


def is_stored(posted: Posted, stored: Collection[str]) -> bool:
    given = posted.get("id")
    return isinstance(given, str) and given in stored


def _tail(posted: Sequence[Posted]) -> Sequence[Posted]:
    spoken = [place for place, each in enumerate(posted) if each.get("role") == "assistant"]
    return posted[spoken[-1] + 1 :] if spoken else posted


def new_message(posted: Posted) -> NewMessage | None:
    """None for a role or a content that is not input."""
    if posted.get("role") not in INPUT_ROLES:
        return None
    content = list(_blocks(posted.get("parts")))
    if not content:
        return None
    about = posted.get("metadata")
    return NewMessage(
        id=posted_id(posted) or new_id(),
        role=posted["role"],
        content=content,
        metadata={} if about is None else {CLIENT_METADATA: about},
    )


def posted_id(posted: Posted) -> str | None:
    given = posted.get("id")
    return checked_id(given, what="message id") if isinstance(given, str) and given else None


def _blocks(parts: object) -> Iterator[dict[str, Any]]:
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        if part.get("type") == "text" and isinstance(part.get("text"), str) and part["text"]:
            yield text_block(part["text"])
        elif part.get("type") == "file":
            yield file_block(part)


def context_message(state: Mapping[str, Any] | None) -> list[NewMessage]:
    """What the page shows, for the model only."""
    if not state:
        return []
    text = f"<frontend-context>\n{dumps(state)}\n</frontend-context>"
    return [NewMessage(role="system", content=[text_block(text)], visibility="internal")]


# --- answers to waiting calls --------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """A tool part that looks like an answer: what the client says about one call."""

    call_id: str
    state: str
    part: Posted


def answers(posted: Sequence[Posted]) -> list[Answer]:
    """The answers in the last step of the last message of the assistant: every earlier one was
    taken up before that step began."""
    spoken = [message for message in posted if message.get("role") == "assistant"]
    parts = spoken[-1].get("parts") if spoken else None
    found: list[Answer] = []
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        if part.get("type") == "step-start":
            found.clear()
        elif answer := _answer(part):
            found.append(answer)
    return found


def _answer(part: Posted) -> Answer | None:
    kind, call_id, state = part.get("type"), part.get("toolCallId"), part.get("state")
    is_tool = isinstance(kind, str) and (kind.startswith("tool-") or kind == "dynamic-tool")
    if not is_tool or not isinstance(call_id, str) or not isinstance(state, str):
        return None
    return Answer(call_id, state, part) if state in _ANSWERED else None


def fits(call: ToolCall, state: str) -> bool:
    """Whether a part in this state can answer what the call asked.

    A person's yes or no comes as an approval, the outcome of a client's own tool as an output; one
    is never taken for the other.
    """
    asked_for_approval = is_approval(Suspension.model_validate(call.suspension))
    return asked_for_approval is (state == "approval-responded")


def decision(answer: Answer, call: ToolCall) -> Decided | None:
    """The decision on a call that waits and fits; None for an answer that is none."""
    suspension = Suspension.model_validate(call.suspension)
    if answer.state == "approval-responded":
        return _approval(answer, suspension)
    if answer.state == "output-available":
        return Decided(reference=answer.call_id, action="resume", payload=answer.part.get("output"))
    return _failure(answer, suspension)


def _approval(answer: Answer, suspension: Suspension) -> Decided | None:
    approval = answer.part.get("approval")
    if not isinstance(approval, dict) or approval.get("id") != suspension.ticket_id:
        return None
    approved, reason = approval.get("approved"), approval.get("reason")
    because = reason if isinstance(reason, str) and reason else None
    if approved is True:
        return Decided(reference=suspension.ticket_id, action="resume", payload=because)
    if approved is False:
        text = f"{DENIED}: {because}" if because else f"{DENIED}."
        return Decided(reference=suspension.ticket_id, action="cancel", payload=text)
    return None


def _failure(answer: Answer, suspension: Suspension) -> Decided:
    said = answer.part.get("errorText")
    text = said if isinstance(said, str) and said else "the client reported a failure"
    if suspension.kind == "client_tool":
        return Decided(reference=answer.call_id, action="resume", error=text)
    return Decided(reference=answer.call_id, action="cancel", payload=text)
