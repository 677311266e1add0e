"""The rules of an AG-UI stream: its framing, the shape of its events, and their order."""

from collections.abc import Sequence
from typing import Any

import orjson
from ag_ui.core import Event
from pydantic import TypeAdapter

Frame = dict[str, Any]

EVENT: TypeAdapter[Any] = TypeAdapter(Event)
_OPENERS = {
    "TEXT_MESSAGE_START": ("text", "messageId"),
    "TOOL_CALL_START": ("call", "toolCallId"),
    "REASONING_START": ("reasoning span", "messageId"),
    "REASONING_MESSAGE_START": ("reasoning message", "messageId"),
    "STEP_STARTED": ("step", "stepName"),
}
_CLOSERS = {
    "TEXT_MESSAGE_END": ("text", "messageId"),
    "TOOL_CALL_END": ("call", "toolCallId"),
    "REASONING_END": ("reasoning span", "messageId"),
    "REASONING_MESSAGE_END": ("reasoning message", "messageId"),
    "STEP_FINISHED": ("step", "stepName"),
}
_CONTINUERS = {
    "TEXT_MESSAGE_CONTENT": ("text", "messageId"),
    "TOOL_CALL_ARGS": ("call", "toolCallId"),
    "REASONING_MESSAGE_CONTENT": ("reasoning message", "messageId"),
}


def frames_of(stream: bytes) -> list[Frame]:
    """The events of a stream; comments are left out."""
    assert b"\r" not in stream, "a CR keeps clients from finding the end of an event"
    chunks = stream.split(b"\n\n")
    assert chunks.pop() == b"", "the stream ends inside an event"
    frames = []
    for chunk in chunks:
        if chunk.startswith(b":"):
            continue
        assert chunk.startswith(b"data: "), chunk
        assert b"\n" not in chunk, "more than one line"
        assert chunk != b"data: [DONE]", "AG-UI knows no end marker"
        frames.append(orjson.loads(chunk[6:]))
    return frames


def verify(frames: Sequence[Frame], *, modern: bool = True) -> None:
    """Every event valid, the order that the client's verify stage demands, an explicit end."""
    opened: set[tuple[str, str]] = set()
    for place, frame in enumerate(frames):
        check_shape(frame, modern=modern)
        assert (frame["type"] == "RUN_STARTED") == (place == 0), f"{place}: {frame}"
        _apply(opened, frame)
        if frame["type"] in {"RUN_FINISHED", "RUN_ERROR"}:
            assert place == len(frames) - 1, f"after the end: {frames[place + 1]}"
    assert frames, "nothing was sent"
    assert frames[-1]["type"] in {"RUN_FINISHED", "RUN_ERROR"}, "the stream just ends"
    assert not opened or frames[-1]["type"] == "RUN_ERROR", f"still open: {opened}"


def _apply(opened: set[tuple[str, str]], frame: Frame) -> None:
    kind = frame["type"]
    if kind in _OPENERS:
        name, member = _OPENERS[kind]
        assert (name, frame[member]) not in opened, f"opened twice: {frame}"
        opened.add((name, frame[member]))
    elif kind in _CLOSERS:
        name, member = _CLOSERS[kind]
        assert (name, frame[member]) in opened, f"closed, not open: {frame}"
        opened.discard((name, frame[member]))
    elif kind in _CONTINUERS:
        name, member = _CONTINUERS[kind]
        assert (name, frame[member]) in opened, f"continued, not open: {frame}"
        assert frame["delta"], f"an empty delta: {frame}"


def check_shape(frame: Frame, *, modern: bool = True) -> None:
    """Valid for the reference models, without a null where absence is meant, nothing unknown, and
    nothing that an older client refuses."""
    event = EVENT.validate_python(frame)
    known = {field.alias or name for name, field in type(event).model_fields.items()}
    assert known >= frame.keys(), f"unknown members: {frame.keys() - known}"
    opaque = {"value", "content", "snapshot", "messages", "event", "result"}
    for name, member in frame.items():
        assert member is not None or name in opaque, f"null: {name} in {frame}"
    outcome = frame.get("outcome", {})
    if frame["type"] == "RUN_STARTED":
        assert ("protocolVersion" in frame) == modern
    if not modern:
        assert outcome.get("type") in {None, "success", "interrupt"}, outcome
        assert "pendingToolCallIds" not in outcome
    for interrupt in outcome.get("interrupts", ()):
        assert None not in interrupt.values(), interrupt
