"""The checker itself: each way in which servers were seen to break real clients is noticed."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tests.events.run_logs import RunLog
from tests.faces.ag_ui_streams import stream
from tests.faces.ag_ui_verify import Frame, frames_of, verify

Break = Callable[[list[Frame]], Any]


def good(*, modern: bool = True) -> list[Frame]:
    log = RunLog().start().think("Hi", ("c1",)).finish_call("c1", "succeeded").end_step()
    return stream(log.end().seen, modern=modern)


def without(kind: str) -> Break:
    return lambda frames: [each for each in frames if each["type"] != kind]


def with_member(kind: str, **members: Any) -> Break:
    return lambda frames: [{**each, **members} if each["type"] == kind else each for each in frames]


BREAKS: dict[str, Break] = {
    "no start": without("RUN_STARTED"),
    "no end": without("RUN_FINISHED"),
    "text left open": without("TEXT_MESSAGE_END"),
    "call left open": without("TOOL_CALL_END"),
    "step left open": without("STEP_FINISHED"),
    "text never opened": without("TEXT_MESSAGE_START"),
    "null for an optional member": with_member("RUN_STARTED", parentRunId=None),
    "unknown member": with_member("TEXT_MESSAGE_START", colour="red"),
    "no version": lambda frames: [
        {key: value for key, value in each.items() if key != "protocolVersion"} for each in frames
    ],
    "outcome as text": with_member("RUN_FINISHED", outcome="interrupt"),
    "result as parts of nothing": with_member("TOOL_CALL_RESULT", content=None),
    "unknown event": lambda frames: [*frames[:-1], {"type": "RUN_PAUSED"}, frames[-1]],
    "two starts": lambda frames: [frames[0], *frames],
    "something after the end": lambda frames: [*frames, {"type": "CUSTOM", "name": "x"}],
    "empty delta": with_member("TEXT_MESSAGE_CONTENT", delta=""),
}


@pytest.mark.parametrize("name", BREAKS)
def test_it_notices(name: str) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        verify(BREAKS[name](good()))


@pytest.mark.parametrize(
    "outcome", [{"type": "cancelled"}, {"type": "success", "pendingToolCallIds": ["c1"]}]
)
def test_it_notices_what_older_clients_refuse(outcome: Frame) -> None:
    frames = good(modern=False)
    with pytest.raises(AssertionError):
        verify([*frames[:-1], {**frames[-1], "outcome": outcome}], modern=False)


@pytest.mark.parametrize(
    "sent",
    [
        b'data: {"type":"RUN_STARTED"}\r\n\r\n',
        b"data: [DONE]\n\n",
        b'data: {"type":"RUN_STARTED"}',
        b'data: {"type":\ndata: "RUN_STARTED"}\n\n',
    ],
)
def test_it_notices_bad_framing(sent: bytes) -> None:
    with pytest.raises(AssertionError):
        frames_of(sent)


def test_it_accepts_what_the_encoder_says() -> None:
    verify(good())
    verify(good(modern=False), modern=False)
