"""Messages as an operator reads them: bubbles, with each tool call beside its result."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from threads.models import Message

# An operator's page is for reading; what is longer than this is in the API.
LONGEST_TEXT = 20_000


@dataclass
class ToolCard:
    """A call as the model wrote it; ``result`` is None until a tool message answered it."""

    call_id: str
    name: str
    arguments: str
    result: str | None = None


@dataclass
class Bubble:
    """One message. `notes` name the blocks that are no text, such as ``image image/png``."""

    role: str
    text: str
    thinking: str
    notes: list[str]
    cards: list[ToolCard]
    run_id: str
    internal: bool
    created_at: datetime
    seq: int = 0


@dataclass
class _Blocks:
    texts: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def bubbles(messages: Iterable[Message]) -> list[Bubble]:
    """In the order given. A result joins its call's card when the call is among the messages."""
    shown: list[Bubble] = []
    open_cards: dict[str, ToolCard] = {}
    for message in messages:
        bubble = _bubble(message)
        open_cards |= {card.call_id: card for card in bubble.cards}
        card = open_cards.get(message.tool_call_id) if message.role == "tool" else None
        if card is None:
            shown.append(bubble)
        else:
            card.result = bubble.text
    return shown


def pretty(value: Any) -> str:
    """A JSON value for reading; a text stands for itself."""
    if isinstance(value, str):
        return shortened(value)
    return shortened(json.dumps(value, indent=2, ensure_ascii=False))


def shortened(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}\n… {len(text) - LONGEST_TEXT:,} more characters"


def _bubble(message: Message) -> Bubble:
    blocks = _sorted(message.content or [])
    return Bubble(
        role=message.role,
        text=shortened("".join(blocks.texts)),
        thinking=shortened("\n".join(blocks.thinking)),
        notes=blocks.notes,
        cards=[_card(call) for call in message.tool_calls or []],
        run_id=message.run_id,
        internal=message.visibility == Message.Visibility.INTERNAL,
        created_at=message.created_at,
        seq=message.seq,
    )


def _card(call: dict[str, Any]) -> ToolCard:
    return ToolCard(
        call_id=str(call.get("id", "")),
        name=str(call.get("name", "")),
        arguments=pretty(call.get("arguments")),
    )


def _sorted(content: Sequence[dict[str, Any]]) -> _Blocks:
    blocks = _Blocks()
    for block in content:
        match block.get("type"):
            case "text":
                blocks.texts.append(str(block.get("text", "")))
            case "thinking":
                blocks.thinking.append(str(block.get("thinking", "")))
            case kind:
                blocks.notes.append(_note(str(kind), block.get("source") or {}))
    return blocks


def _note(kind: str, source: dict[str, Any]) -> str:
    """Nothing is loaded from elsewhere: an address is shown as text."""
    return f"{kind} {source.get('url') or source.get('media_type') or ''}".strip()
