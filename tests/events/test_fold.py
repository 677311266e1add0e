"""Folding events into the run's summary and its messages."""

from typing import Any

import pytest

from runs.events.types import (
    AnyEvent,
    FileProduced,
    InferenceCompleted,
    InputAccepted,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    StepFinished,
    StepReset,
    StepStarted,
    Suspension,
    Termination,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallFinished,
    ToolCallReady,
)
from tests.events.folding import fold
from tests.events.samples import AT

TICKET = Suspension(
    ticket_id="perm_c1", kind="permission", action="tool:x", pending_id="c1", pending_name="x"
)
END = RunFinished(
    thread_id="t",
    run_id="r",
    termination=Termination(type="natural_end"),
    response="Hi there",
    steps=1,
)


def numbered(*events: AnyEvent) -> list[Record]:
    return [Record(seq, AT, event) for seq, event in enumerate(events, 1)]


def start(attempt: int = 1, **more: Any) -> RunStarted:
    return RunStarted(thread_id="t", run_id="r", agent_id="a", attempt=attempt, **more)


def text(message: str, block: str, *parts: str) -> list[AnyEvent]:
    opening: AnyEvent = TextStarted(message_id=message, block_id=block)
    return [
        opening,
        *(TextDelta(block_id=block, delta=part) for part in parts),
        TextEnded(block_id=block),
    ]


def inference(message: str, **usage: int) -> InferenceCompleted:
    return InferenceCompleted(message_id=message, model="m-1", usage=usage, duration_ms=5)


def step(number: int, message: str, *inside: AnyEvent) -> list[AnyEvent]:
    return [
        StepStarted(step=number, message_id=message),
        *inside,
        StepFinished(step=number),
    ]


def call_finished(outcome: Any = "succeeded", **more: Any) -> ToolCallFinished:
    return ToolCallFinished(
        call_id="c1", name="x", outcome=outcome, result_message_id="m-tool", **more
    )


def test_it_folds_a_plain_answer() -> None:
    said = [*text("m1", "b1", "Hi ", "there"), inference("m1", prompt_tokens=3)]
    run, messages = fold(numbered(start(input_message_ids=["u1"]), *step(1, "m1", *said), END))
    assert messages == [
        {
            "id": "m1",
            "role": "assistant",
            "content": [{"type": "text", "text": "Hi there"}],
            "tool_calls": [],
            "step_index": 1,
        }
    ]
    assert (run.status, run.steps, run.response) == ("done", 1, "Hi there")
    assert run.usage == {"prompt_tokens": 3}
    assert run.termination == Termination(type="natural_end")
    assert run.input_message_ids == ["u1"]


def test_it_keeps_blocks_in_the_order_they_began() -> None:
    said: list[AnyEvent] = [
        ReasoningStarted(message_id="m1", block_id="r1"),
        ReasoningDelta(block_id="r1", delta="let me "),
        ReasoningDelta(block_id="r1", delta="see"),
        ReasoningEnded(block_id="r1", signature="sig"),
        *text("m1", "b1", "Done"),
        FileProduced(message_id="m1", block_id="f1", media_type="image/png", data="AA=="),
        inference("m1"),
    ]
    _, messages = fold(numbered(start(), *step(1, "m1", *said)))
    source = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    assert messages[0]["content"] == [
        {"type": "thinking", "thinking": "let me see", "signature": "sig"},
        {"type": "text", "text": "Done"},
        {"type": "image", "source": source},
    ]


@pytest.mark.parametrize(
    ("media_type", "kind"), [("audio/wav", "audio"), ("text/plain", "document")]
)
def test_it_keeps_name_and_address_of_a_file(media_type: str, kind: str) -> None:
    file = FileProduced(
        message_id="m1", block_id="f1", media_type=media_type, url="https://x.example/a", name="a.b"
    )
    _, messages = fold(numbered(start(), *step(1, "m1", file, inference("m1"))))
    source = {"type": "url", "url": "https://x.example/a", "media_type": media_type}
    assert messages[0]["content"] == [{"type": kind, "source": source, "name": "a.b"}]


def test_it_adds_up_steps_and_usage() -> None:
    run, messages = fold(
        numbered(
            start(),
            *step(1, "m1", inference("m1", prompt_tokens=3, completion_tokens=1)),
            *step(2, "m2", inference("m2", prompt_tokens=4)),
        )
    )
    assert (run.status, run.steps, run.model) == ("running", 2, "m-1")
    assert run.usage == {"prompt_tokens": 7, "completion_tokens": 1}
    assert [message["id"] for message in messages] == ["m1", "m2"]


def tool_step(*after: AnyEvent) -> list[AnyEvent]:
    ready = ToolCallReady(call_id="c1", name="x", arguments={"q": 1}, message_id="m1")
    return step(1, "m1", inference("m1"), ready, *after)


def test_it_folds_a_tool_call_and_its_result() -> None:
    _, messages = fold(numbered(start(), *tool_step(call_finished(data={"a": [1, None]}))))
    assert messages[0]["tool_calls"] == [{"id": "c1", "name": "x", "arguments": {"q": 1}}]
    assert messages[1] == {
        "id": "m-tool",
        "role": "tool",
        "content": [{"type": "text", "text": '{"a":[1,null]}'}],
        "tool_call_id": "c1",
        "step_index": 1,
    }


def test_it_prefers_what_the_model_reads_over_the_data() -> None:
    _, messages = fold(numbered(start(), *tool_step(call_finished(data={"a": 1}, message="one"))))
    assert messages[1]["content"] == [{"type": "text", "text": "one"}]


def test_it_tells_the_model_the_error_of_a_failed_call() -> None:
    failed = call_finished("failed", error="boom")
    _, messages = fold(numbered(start(), *tool_step(failed)))
    assert messages[1]["content"] == [{"type": "text", "text": "boom"}]


def test_it_waits_with_open_tickets() -> None:
    pause = call_finished("suspended", message="awaiting approval", suspension=TICKET)
    waiting = RunSuspended(thread_id="t", run_id="r", tickets=[TICKET], reason="tool_permission")
    run, messages = fold(numbered(start(), *tool_step(pause), waiting))
    assert (run.status, run.waiting_reason) == ("waiting", "tool_permission")
    assert run.tickets == [TICKET]
    assert run.dump()["tickets"][0]["ticket_id"] == "perm_c1"
    assert messages[1]["content"] == [{"type": "text", "text": "awaiting approval"}]


def test_it_replaces_the_placeholder_when_the_call_ends() -> None:
    pause = call_finished("suspended", message="awaiting approval", suspension=TICKET)
    waiting = RunSuspended(thread_id="t", run_id="r", tickets=[TICKET], reason="tool_permission")
    resumed: list[AnyEvent] = [start(2, cause="resume"), call_finished(data="ok", resumed=True)]
    run, messages = fold(numbered(start(), *tool_step(pause), waiting, *resumed))
    assert (run.status, run.tickets, run.termination) == ("running", [], None)
    assert [message["id"] for message in messages] == ["m1", "m-tool"]
    assert messages[1]["content"] == [{"type": "text", "text": '"ok"'}]


def test_it_voids_what_a_reset_takes_back() -> None:
    opening: list[AnyEvent] = [start()]
    first = step(1, "m1", *text("m1", "b1", "one"), inference("m1", prompt_tokens=1))
    lost = [StepStarted(step=2, message_id="m2"), *text("m2", "b2", "lo"), inference("m2", x=9)]
    again = step(2, "m3", *text("m3", "b3", "two"), inference("m3", prompt_tokens=2))
    before = [*opening, *first]
    events = [*before, *lost, start(2, cause="recover")]
    redo: AnyEvent = StepReset(step=2, message_id="m2", after_seq=len(before), reason="recovered")
    end = END.model_copy(update={"steps": 2})
    run, messages = fold(numbered(*events, redo, *again, end))
    assert [message["id"] for message in messages] == ["m1", "m3"]
    assert run.usage == {"prompt_tokens": 3}
    assert (run.status, run.steps) == ("done", 2)


def test_it_runs_again_after_a_reset_took_the_start_back() -> None:
    waiting = RunSuspended(thread_id="t", run_id="r", tickets=[TICKET], reason="tool_permission")
    redo = StepReset(step=1, after_seq=2, reason="recovered")
    run, _ = fold(numbered(start(), waiting, start(2, cause="resume"), redo))
    assert run.status == "running"
    assert run.termination is None


def test_it_does_not_store_an_inference_that_never_completed() -> None:
    cut = step(1, "m1", *text("m1", "b1", "half an ans"))
    assert fold(numbered(start(), *cut))[1] == []


def test_it_collects_steering_input() -> None:
    run, _ = fold(
        numbered(start(input_message_ids=["u1"]), InputAccepted(message_ids=["u2", "u3"]))
    )
    assert run.input_message_ids == ["u1", "u2", "u3"]


def test_it_knows_nothing_about_a_run_without_events() -> None:
    run, messages = fold([])
    assert (run.status, messages) == ("created", [])
