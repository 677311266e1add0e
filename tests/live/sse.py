"""Server-sent events as a client reads them: by frame, with the time at which each came in."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Frame:
    """`data` is the parsed JSON; `at` the monotonic time of arrival."""

    data: dict[str, Any]
    id: str | None
    at: float

    @property
    def native(self) -> dict[str, Any]:
        """The native event, of a stream of a run or inside an entry of an event route."""
        payload: dict[str, Any] = self.data.get("payload", self.data)
        return payload

    @property
    def kind(self) -> str:
        return str(self.native["event_type"])


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """Comments are left out; a frame that the connection cut off is not there."""
    data: list[str] = []
    position: str | None = None
    for line in lines:
        name, _, value = line.partition(":")
        if line == "" and data:
            yield Frame(json.loads("\n".join(data)), position, time.monotonic())
            data, position = [], None
        elif name == "data":
            data.append(value.removeprefix(" "))
        elif name == "id":
            position = value.removeprefix(" ")


def received(seen: Iterable[Frame]) -> list[Frame]:
    """What a client has for certain after a cut: everything up to the last position."""
    whole = list(seen)
    while whole and whole[-1].id is None:
        whole.pop()
    return whole


def shown_text(seen: Iterable[Frame]) -> str:
    """The text on a viewer's screen: a reset takes back what the open step has shown."""
    done, step = "", ""
    for frame in seen:
        if frame.kind == "step_start":
            done, step = done + step, ""
        elif frame.kind == "text_delta":
            step += frame.native["delta"]
        elif frame.kind == "stream_reset":
            step = ""
    return done + step
