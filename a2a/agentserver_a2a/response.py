"""The artifact ``response``: the text and files of a run's last assistant message, as it grows."""

from typing import Any, Final

from agentserver_a2a.parts import merged

Json = dict[str, Any]

RESPONSE: Final = "response"


class Response:
    """Chunks of the answer, each a list of parts with how it joins what went out before.

    The newest chunk is held back: only when the next one comes, or the answer ends, is it known
    whether it is the last. A message that follows another replaces it, so its first chunk does not
    append. What a reset takes back is replaced by what is left, as soon as anything is sent again.
    With ``whole`` nothing goes out but the complete answer.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        # Messages in order, each with the numbers of the events that its parts came from.
        self._messages: list[tuple[str, list[tuple[int, Json]]]] = []
        self._held: list[Json] | None = None
        self._appends = False
        self._begun = False

    @property
    def message_id(self) -> str | None:
        """The message that the answer is taken from."""
        return self._messages[-1][0] if self._messages else None

    def parts(self) -> list[Json]:
        """The answer so far, held chunk included; empty when there is none."""
        return merged(part for _, part in self._messages[-1][1]) if self._messages else []

    def add(self, seq: int, message_id: str, part: Json) -> list[Json]:
        """The chunk that ``part`` pushes out, as ``artifact`` members without ids; see `chunk`."""
        if not self._messages or self._messages[-1][0] != message_id:
            self._messages.append((message_id, []))
            del self._messages[:-2]
            fresh = True
        else:
            fresh = False
        self._messages[-1][1].append((seq, part))
        if self._whole:
            return []
        out = self.flush()
        if fresh:
            self._begun = False
        self._held, self._appends, self._begun = [part], self._begun, True
        return out

    def flush(self) -> list[Json]:
        """The held chunk, which is not the last one."""
        held = self._held
        if held is None:
            return []
        self._held = None
        return [chunk(held, append=self._appends, last=False)]

    def reset(self, after_seq: int) -> None:
        """Forgets what events after ``after_seq`` brought."""
        if not self._drop(after_seq):
            return
        self._held, self._begun = None, False
        if self._messages and not self._whole:
            self._held, self._appends, self._begun = self.parts(), False, True

    def _drop(self, after_seq: int) -> bool:
        before = sum(len(pieces) for _, pieces in self._messages)
        kept = [
            (message_id, [piece for piece in pieces if piece[0] <= after_seq])
            for message_id, pieces in self._messages
        ]
        self._messages = [message for message in kept if message[1]]
        return before != sum(len(pieces) for _, pieces in self._messages)

    def shown(self) -> None:
        """A reader was given `parts`: later chunks append to them."""
        self._held, self._begun = None, bool(self._messages)

    def finish(self) -> list[Json]:
        """The last chunk. Without one to mark, the whole answer goes out once more."""
        if self._held is not None:
            held, self._held = self._held, None
            return [chunk(held, append=self._appends, last=True)]
        parts = self.parts()
        return [chunk(parts, append=False, last=True)] if parts else []


def chunk(parts: list[Json], *, append: bool, last: bool) -> Json:
    """The members of an artifactUpdate besides its ids; false booleans are left out."""
    made: Json = {"artifact": {"artifactId": RESPONSE, "name": RESPONSE, "parts": parts}}
    if append:
        made["append"] = True
    if last:
        made["lastChunk"] = True
    return made
