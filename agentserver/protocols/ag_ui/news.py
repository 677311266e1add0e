"""What a request adds to its thread. Clients send their whole history each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentserver.core.exact_json import dumps
from agentserver.core.ids import new_id
from agentserver.protocols.ag_ui.decode import Asked, ClientMessage
from agentserver.protocols.ag_ui.listing import CLIENT_ROLE, NAME
from agentserver.protocols.ag_ui.parts import content_of
from runs.mailbox.ledger import FAILED
from threads.content import text_block, text_of
from threads.models import Message, Thread
from threads.services import NewMessage

FRONTEND = "frontend_context"
FRONTEND_FORM = "<frontend-context>\n{}\n</frontend-context>"


@dataclass(frozen=True)
class News:
    """`messages` are not stored yet; `internal` tells the model about the client's state.

    `cut`: the conversation is taken up again behind this stored message, or in its place.
    `results` are the client's tool messages by call, stored or not. `is_empty`: nothing was sent.
    """

    messages: Sequence[NewMessage] = ()
    internal: Sequence[NewMessage] = ()
    results: Mapping[str, ClientMessage] = field(default_factory=dict)
    cut: str | None = None
    cut_is_inclusive: bool = False
    is_empty: bool = False
    ends_with_result: bool = False


def news_of(asked: Asked, thread: Thread | None) -> News:
    sent = asked.messages
    known = _known(thread, sent)
    fresh = [message for message in sent if message.id not in known]
    last = sent[-1] if sent else None
    messages = [new for new in (_stored(each, fresh) for each in fresh) if new]
    cut, inclusive = (None, False) if messages else _cut(last, known)
    if inclusive and last:
        messages = [_said(last)]
    return News(
        messages=messages,
        internal=_internal(asked, thread),
        results={message.call_id: message for message in sent if message.role == "tool"},
        cut=cut,
        cut_is_inclusive=inclusive,
        is_empty=not sent,
        ends_with_result=last is not None and last.role == "tool",
    )


def _known(thread: Thread | None, sent: Sequence[ClientMessage]) -> dict[str, Message]:
    ids = [message.id for message in sent if message.named]
    if thread is None or not ids:
        return {}
    rows = Message.objects.filter(thread_id=thread.pk, message_id__in=ids)
    return {row.message_id: row for row in rows}


def _cut(last: ClientMessage | None, known: Mapping[str, Message]) -> tuple[str | None, bool]:
    """A history with nothing new that ends with a user message asks for another answer to it, and
    with that message in other words for an answer to those."""
    if last is None or last.role != "user" or last.id not in known:
        return None, False
    return last.id, content_of(known[last.id].content) != content_of(last.blocks)


# --- messages -------------------------------------------------------------------------------------
def _stored(message: ClientMessage, fresh: Sequence[ClientMessage]) -> NewMessage | None:
    """A message the server has not seen: what a user said, or history from before this server.

    An assistant's message keeps those calls whose results came along, and a result is only taken
    with its call: nobody answers a call of ours by writing history.
    """
    match message.role:
        case "tool":
            return _foreign_result(message, fresh)
        case "assistant":
            return _foreign_answer(message, fresh)
    return _said(message)


def _said(message: ClientMessage) -> NewMessage:
    role = "system" if message.role == "developer" else message.role
    metadata = {CLIENT_ROLE: message.role} if role != message.role else {}
    return _new(message, role, message.blocks or [text_block("")], metadata)


def _foreign_answer(message: ClientMessage, fresh: Sequence[ClientMessage]) -> NewMessage | None:
    answered = {each.call_id for each in fresh if each.role == "tool"}
    calls = [call for call in message.calls if call["id"] in answered]
    text = text_of(message.blocks)
    if not text and not calls:
        return None
    blocks = [text_block(text)] if message.blocks else []
    return _new(message, "assistant", blocks, {}, tool_calls=calls)


def _foreign_result(message: ClientMessage, fresh: Sequence[ClientMessage]) -> NewMessage | None:
    called = {call["id"] for each in fresh for call in each.calls}
    if message.call_id not in called:
        return None
    blocks = message.blocks or [text_block(message.error or "")]
    metadata = {FAILED: True} if message.error else {}
    return _new(message, "tool", blocks, metadata, tool_call_id=message.call_id)


def _new(
    message: ClientMessage,
    role: str,
    blocks: list[dict[str, Any]],
    metadata: dict[str, Any],
    **more: Any,
) -> NewMessage:
    named = {NAME: message.name} if message.name else {}
    return NewMessage(
        id=message.id, role=role, content=blocks, metadata={**metadata, **named}, **more
    )


# --- context --------------------------------------------------------------------------------------
def _internal(asked: Asked, thread: Thread | None) -> list[NewMessage]:
    """The client's state and context for the model, unless it was told the same just before."""
    if not asked.frontend:
        return []
    text = FRONTEND_FORM.format(dumps(asked.frontend))
    if thread is not None and _told_last(thread) == text:
        return []
    return [
        NewMessage(
            id=new_id(),
            role="system",
            content=[text_block(text)],
            visibility=Message.Visibility.INTERNAL,
            metadata={FRONTEND: True},
        )
    ]


def _told_last(thread: Thread) -> str | None:
    rows = Message.objects.filter(thread_id=thread.pk).internal().order_by("-seq")[:5]
    told = next((row for row in rows if row.metadata.get(FRONTEND)), None)
    return text_of(told.content) if told else None
