"""A client that watched a run holds what the run's messages are listed as, whatever happened."""

from typing import Any

from hypothesis import given

from runs.events.types import (
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    StateSnapshot,
    StepReset,
    StepStarted,
    TextDelta,
    TextStarted,
)
from tests.events.run_logs import ASIDES, RunLog, run_logs
from tests.faces.ag_ui_holder import Holder
from tests.faces.ag_ui_streams import listed, stream, streams
from tests.faces.ag_ui_verify import verify

Frame = dict[str, Any]


def held(log: RunLog) -> list[Frame]:
    holder = Holder()
    for frames in streams(log.seen):
        holder.receive(frames)
    return holder.messages


@given(run_logs(ASIDES))
def test_it_keeps_the_rules_of_the_protocol(log: RunLog) -> None:
    for modern in (True, False):
        for frames in streams(log.seen, modern=modern):
            verify(frames, modern=modern)


@given(run_logs(ASIDES))
def test_it_says_the_same_each_time(log: RunLog) -> None:
    assert streams(log.seen) == streams(log.seen)


@given(run_logs(ASIDES))
def test_it_leaves_the_client_with_the_listed_messages(log: RunLog) -> None:
    assert by_id(held(log)) == by_id(listed(log.seen))


def by_id(messages: list[Frame]) -> dict[str, Frame]:
    return {each["id"]: each for each in messages}


def test_it_takes_back_the_text_of_a_step_that_starts_again() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(
        StepStarted(step=0, message_id="m0"),
        TextStarted(message_id="m0", block_id="b0"),
        TextDelta(block_id="b0", delta="Helló wro"),
    )
    log.reset(before).think("Hello").end_step().end()
    assert held(log) == [{"id": "m0", "role": "assistant", "content": "Hello"}]


def test_it_empties_reasoning_that_comes_again() -> None:
    log = RunLog().start()
    before = log.last_seq
    for _ in range(2):
        log.emit(
            StepStarted(step=0, message_id="m0"),
            ReasoningStarted(message_id="m0", block_id="b0"),
            ReasoningDelta(block_id="b0", delta="hm"),
            ReasoningEnded(block_id="b0"),
        )
        if log.last_seq < 8:
            log.emit(StepReset(step=0, message_id="m0", after_seq=before, reason="overloaded"))
    texts = [(each["role"], each["content"]) for each in held(log.end())]
    assert texts == [("reasoning", "hm")]


def test_it_keeps_earlier_steps_when_one_starts_again() -> None:
    log = RunLog().start().think("One", ("c1",)).finish_call("c1", "succeeded").end_step()
    before = log.last_seq
    log.emit(
        StepStarted(step=1, message_id="m1"),
        TextStarted(message_id="m1", block_id="bx"),
        TextDelta(block_id="bx", delta="lost"),
    )
    log.reset(before).think("Two").end_step().end()
    assert [(each["role"], each["content"]) for each in held(log)] == [
        ("assistant", "One"), ("tool", "1"), ("assistant", "Two"),
    ]  # fmt: skip


def test_it_restores_the_state_with_the_messages() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(StateSnapshot(snapshot={"n": 1})).reset(before).end()
    assert Holder().receive(stream(log.seen)).state == {}


def test_it_does_not_correct_what_nobody_saw() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(StepStarted(step=0, message_id="m0")).reset(before).think("Hello").end_step().end()
    assert "MESSAGES_SNAPSHOT" not in [each["type"] for each in stream(log.seen)]
