"""Incremental parser of server-sent events: bytes in, events out.

Follows the event stream interpretation of the HTML standard (section 9.2.6): lines end with CR, LF
or CRLF, also when a chunk boundary falls between the two; a leading byte order mark is dropped;
comments and unknown fields are ignored; several data lines are joined by LF; an event without data
and an unfinished last event are discarded. Ids and retry times mean nothing to a model stream and
are not kept.
"""

from typing import Final, NamedTuple

_BOM: Final = b"\xef\xbb\xbf"
_LF: Final = 10
_CR: Final = b"\r"


class ServerSentEvent(NamedTuple):
    """One event: its name (``message`` when unnamed) and its data, still encoded."""

    name: bytes
    data: bytes


class EventTooLargeError(ValueError):
    """The peer sent more bytes for one event than the parser accepts."""


class ServerSentEventParser:
    """Feed it chunks in order, cut anywhere; each call returns the events completed by the chunk.

    ``max_event_bytes`` bounds what an endless event may hold in memory (EventTooLargeError).
    """

    def __init__(self, *, max_event_bytes: int = 32 * 1024 * 1024) -> None:
        self._max = max_event_bytes
        self._size = 0
        self._head: bytes | None = b""
        self._partial: list[bytes] = []
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        if self._head is not None:
            chunk = self._without_mark(chunk)
        if not chunk:
            return []
        self._size += len(chunk)
        if self._size > self._max:
            raise EventTooLargeError(f"an event exceeds {self._max} bytes")
        return self._lines(self._normalised(chunk))

    def _without_mark(self, chunk: bytes) -> bytes:
        head = (self._head or b"") + chunk
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _normalised(self, chunk: bytes) -> bytes:
        # A CR ends its line at once; if its LF comes with the next chunk, that LF ends nothing.
        if self._after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return chunk
        self._after_cr = chunk.endswith(_CR)
        if _CR in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(_CR, b"\n")
        return chunk

    def _lines(self, chunk: bytes) -> list[ServerSentEvent]:
        first, *rest = chunk.split(b"\n")
        self._partial.append(first)
        if not rest:
            return []
        lines = [b"".join(self._partial), *rest]
        self._partial = [lines.pop()]
        events = [event for line in lines if (event := self._line(line)) is not None]
        self._size = len(self._partial[0]) + sum(map(len, self._data))
        return events

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.removeprefix(b" ")
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, self._name = self._name, b""
        if not self._data:
            return None
        event = ServerSentEvent(name or b"message", b"\n".join(self._data))
        self._data.clear()
        return event
