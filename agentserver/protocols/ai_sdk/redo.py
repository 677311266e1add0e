"""A step that is done again, for a protocol that cannot take anything back.

The chunks that every client accepts have no reset: what was shown stays in the message. So the
second attempt is compared with what the first had shown. While it says the same, nothing is sent;
once it says more, the parts that are open go on as if nothing had happened. Only when it says
something else do the old parts end as they are, and the second attempt follows in a step of its
own: that text is then in the message of those who watched, and in nobody else's.
"""

from dataclasses import dataclass, field
from typing import Literal

from agentserver.core.exact_json import dumps
from runs.events.types import (
    AnyEvent,
    FileProduced,
    ReasoningDelta,
    ReasoningEnded,
    SourceCited,
    TextDelta,
    TextEnded,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
)

MODEL_OUTPUT = (
    TextDelta,
    TextEnded,
    ReasoningDelta,
    ReasoningEnded,
    ToolCallStarted,
    ToolCallDelta,
    ToolCallReady,
    FileProduced,
    SourceCited,
)


@dataclass
class Piece:
    """One block, call, file or source of an answer. `key` is its block or call id."""

    kind: Literal["text", "reasoning", "call", "file", "source"]
    key: str
    label: str = ""
    text: str = ""
    ended: bool = False

    def resembles(self, other: "Piece") -> bool:
        """Whether both can be the same piece; calls go by their ids, blocks get new ones."""
        same = self.kind == other.kind and self.label == other.label
        return same and (self.kind != "call" or self.key == other.key)


@dataclass
class Pieces:
    """What a model said in one step, in order."""

    all: list[Piece] = field(default_factory=list)

    def note(self, event: AnyEvent) -> None:
        match event:
            case TextDelta():
                self._add("text", event.block_id, event.delta)
            case ReasoningDelta():
                self._add("reasoning", event.block_id, event.delta)
            case TextEnded() | ReasoningEnded():
                self._end(event.block_id)
            case FileProduced():
                self.all.append(Piece("file", "", event.url or event.data or "", ended=True))
            case SourceCited():
                self.all.append(Piece("source", "", event.url or event.source_id, ended=True))
            case _:
                self._note_call(event)

    def _note_call(self, event: AnyEvent) -> None:
        match event:
            case ToolCallStarted():
                self.all.append(Piece("call", event.call_id, event.name))
            case ToolCallDelta():
                self._add("call", event.call_id, event.delta)
            case ToolCallReady():
                self._ready(event)

    def find(self, key: str) -> Piece | None:
        return next((piece for piece in reversed(self.all) if piece.key == key), None)

    def _add(self, kind: Literal["text", "reasoning", "call"], key: str, delta: str) -> None:
        piece = self.find(key)
        if piece is None:
            piece = Piece(kind, key)
            self.all.append(piece)
        piece.text += delta

    def _end(self, key: str) -> None:
        piece = self.find(key)
        if piece:
            piece.ended = True

    def _ready(self, event: ToolCallReady) -> None:
        if self.find(event.call_id) is None:
            self.all.append(Piece("call", event.call_id, event.name))
        piece = self.find(event.call_id)
        if piece:
            piece.text = piece.text or dumps(event.arguments)
            piece.ended = True


@dataclass
class Redo:
    """`shown` is what the voided attempt said, `said` what the new one has said so far, and `held`
    the events of the new one that were not sent yet."""

    shown: Pieces
    said: Pieces = field(default_factory=Pieces)
    held: list[AnyEvent] = field(default_factory=list)

    def take(self, event: AnyEvent) -> Literal["behind", "even", "apart"]:
        """Holds an event and says how the attempts compare now."""
        self.held.append(event)
        self.said.note(event)
        return relation(self.shown.all, self.said.all)

    def restart(self) -> None:
        self.said, self.held = Pieces(), []


def relation(shown: list[Piece], said: list[Piece]) -> Literal["behind", "even", "apart"]:
    """``even`` as soon as all that was shown has been said again."""
    if not said:
        return "behind"
    if len(said) > len(shown):
        return "apart"
    for old, new in zip(shown, said[:-1], strict=False):
        if not old.resembles(new) or old.text != new.text:
            return "apart"
    old, new = shown[len(said) - 1], said[-1]
    if not old.resembles(new):
        return "apart"
    if len(said) == len(shown) and _reaches(old, new):
        return "even"
    behind = old.text.startswith(new.text) and (not new.ended or new.text == old.text)
    return "behind" if behind else "apart"


def _reaches(old: Piece, new: Piece) -> bool:
    if old.ended:
        return new.ended and new.text == old.text
    return new.text.startswith(old.text)
