"""Recorded runs and the AG-UI events they become."""

from typing import Any

import pytest

from agentserver.protocols.ag_ui.encode import AgUiEncoder
from agentserver.protocols.ag_ui.frames import Echo
from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    ArtifactUpdated,
    DataProduced,
    FileProduced,
    InferenceCompleted,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    RunSuspended,
    SourceCited,
    StateDelta,
    StateSnapshot,
    StepStarted,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
)
from tests.events.run_logs import IDS, RunLog, permission
from tests.faces.ag_ui_streams import stream, streams
from tests.faces.ag_ui_verify import verify

Frame = dict[str, Any]
STARTED = {
    "type": "RUN_STARTED", "threadId": "thread", "runId": "run", "protocolVersion": "1.0",
}  # fmt: skip
ENDED = {"type": "RUN_FINISHED", "threadId": "thread", "runId": "run"}
STEP = {"type": "STEP_STARTED", "stepName": "step-1"}
STEP_END = {"type": "STEP_FINISHED", "stepName": "step-1"}
USAGE = [{"model": "up", "inputTokens": 1}]


def shown(log: RunLog, **options: Any) -> list[Frame]:
    """The events of the log, checked, without the first."""
    frames = stream(log.seen, **options)
    verify(frames, modern=options.get("modern", True))
    return frames[1:]


def only(log: RunLog, *kinds: str) -> list[Frame]:
    return [frame for frame in shown(log) if frame["type"] in kinds]


def test_it_streams_text() -> None:
    log = RunLog().start().think("Hi").end_step().end()
    assert stream(log.seen) == [
        STARTED,
        STEP,
        {"type": "TEXT_MESSAGE_START", "messageId": "m0", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m0", "delta": "H"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m0", "delta": "i"},
        {"type": "TEXT_MESSAGE_END", "messageId": "m0"},
        STEP_END,
        {**ENDED, "outcome": {"type": "success"}, "usage": USAGE},
    ]


def test_it_streams_calls_and_their_results() -> None:
    log = RunLog().start().think(calls=("c1",)).finish_call("c1", "succeeded").end_step().end()
    assert shown(log)[:6] == [
        STEP,
        {
            "type": "TOOL_CALL_START",
            "toolCallId": "c1",
            "toolCallName": "rm",
            "parentMessageId": "m0",
        },
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": "{}"},
        {"type": "TOOL_CALL_END", "toolCallId": "c1"},
        {
            "type": "TOOL_CALL_RESULT",
            "messageId": "tool-c1",
            "toolCallId": "c1",
            "content": "1",
            "role": "tool",
        },
        STEP_END,
    ]


def test_it_sends_an_object_for_a_call_without_arguments() -> None:
    log = RunLog().start()
    log.emit(
        StepStarted(step=0, message_id="m0"),
        ToolCallStarted(call_id="c1", name="now", message_id="m0"),
        ToolCallReady(call_id="c1", name="now", arguments={}, message_id="m0"),
    )
    assert [each["delta"] for each in only(log.end(), "TOOL_CALL_ARGS")] == ["{}"]


def test_it_joins_the_text_blocks_of_a_step() -> None:
    log = RunLog().start().emit(StepStarted(step=0, message_id="m0"))
    for block in ("b1", "b2"):
        log.emit(
            TextStarted(message_id="m0", block_id=block),
            TextDelta(block_id=block, delta=block),
            TextEnded(block_id=block),
        )
    ids = {each["messageId"] for each in only(log.end(), "TEXT_MESSAGE_START")}
    assert ids == {"m0"}


def test_it_gives_reasoning_a_message_of_its_own() -> None:
    log = RunLog().start().emit(
        StepStarted(step=0, message_id="m0"),
        ReasoningStarted(message_id="m0", block_id="b1"),
        ReasoningDelta(block_id="b1", delta="hm"),
        ReasoningEnded(block_id="b1", signature="sealed"),
    )  # fmt: skip
    assert shown(log.end())[1:6] == [
        {"type": "REASONING_START", "messageId": "m0:reasoning:0"},
        {"type": "REASONING_MESSAGE_START", "messageId": "m0:reasoning:0", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "m0:reasoning:0", "delta": "hm"},
        {"type": "REASONING_MESSAGE_END", "messageId": "m0:reasoning:0"},
        {"type": "REASONING_END", "messageId": "m0:reasoning:0"},
    ]


def test_it_skips_empty_deltas() -> None:
    log = RunLog().start().emit(
        StepStarted(step=0, message_id="m0"),
        TextStarted(message_id="m0", block_id="b1"),
        TextDelta(block_id="b1", delta=""),
    )  # fmt: skip
    assert only(log.end(), "TEXT_MESSAGE_CONTENT") == []


def test_it_shares_the_state() -> None:
    change: Any = [{"op": "replace", "path": "/n", "value": 2}]
    log = RunLog().start().emit(StateSnapshot(snapshot={"n": 1}), StateDelta(delta=change)).end()
    assert shown(log)[:2] == [
        {"type": "STATE_SNAPSHOT", "snapshot": {"n": 1}},
        {"type": "STATE_DELTA", "delta": change},
    ]


def test_it_shows_activities_and_their_changes() -> None:
    patch: Any = [{"op": "replace", "path": "/page", "value": 2}]
    log = RunLog().start().emit(
        ActivitySnapshot(activity_id="a1", activity_type="search", content={"page": 1}),
        ActivityDelta(activity_id="a1", activity_type="search", patch=patch),
    )  # fmt: skip
    assert shown(log.end())[:2] == [
        {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": "a1",
            "activityType": "search",
            "content": {"page": 1},
            "replace": True,
        },
        {"type": "ACTIVITY_DELTA", "messageId": "a1", "activityType": "search", "patch": patch},
    ]


def test_it_does_not_change_an_activity_that_was_never_shown() -> None:
    log = RunLog().start().emit(ActivityDelta(activity_id="a1", activity_type="search", patch=[]))
    assert only(log.end(), "ACTIVITY_DELTA") == []


def test_it_shows_progress_as_an_activity() -> None:
    log = RunLog().start().emit(
        ToolCallProgress(call_id="c1", name="copy", status="running", loaded=1, total=4)
    )  # fmt: skip
    (activity,) = only(log.end(), "ACTIVITY_SNAPSHOT")
    assert activity["content"] == {
        "toolCallId": "c1", "toolName": "copy", "status": "running", "loaded": 1.0, "total": 4.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        (DataProduced(name="chart", data=[1]), "chart", [1]),
        (
            ToolCallOutput(call_id="c1", name="sh", delta="ok"),
            "tool_output",
            {"callId": "c1", "name": "sh", "delta": "ok"},
        ),
        (
            FileProduced(message_id="m", block_id="b", media_type="image/png", data="eA=="),
            "file",
            {"messageId": "m", "blockId": "b", "mediaType": "image/png", "data": "eA=="},
        ),
        (
            SourceCited(message_id="m", source_id="s", kind="url", url="https://example.org/"),
            "source",
            {"messageId": "m", "sourceId": "s", "kind": "url", "url": "https://example.org/"},
        ),
        (
            ArtifactUpdated(artifact_id="a", parts=[]),
            "artifact",
            {"artifactId": "a", "parts": [], "append": False, "lastChunk": True, "metadata": {}},
        ),
    ],
)
def test_it_sends_what_the_protocol_does_not_know_as_custom(
    event: Any, name: str, value: Any
) -> None:
    log = RunLog().start().emit(event).end()
    assert only(log, "CUSTOM") == [{"type": "CUSTOM", "name": name, "value": value}]


def test_it_counts_usage_by_model() -> None:
    log = RunLog().start()
    for model in ("a", "b", "a"):
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        log.emit(InferenceCompleted(message_id="m", model=model, usage=usage, duration_ms=1))
    assert [each["totalTokens"] for each in shown(log.end())[-1]["usage"]] == [10, 5]


# --- ends -----------------------------------------------------------------------------------------
def test_it_closes_what_is_open_before_the_end() -> None:
    log = RunLog().start().emit(
        StepStarted(step=0, message_id="m0"),
        TextStarted(message_id="m0", block_id="b1"),
        ReasoningStarted(message_id="m0", block_id="b2"),
        ToolCallStarted(call_id="c1", name="rm", message_id="m0"),
    )  # fmt: skip
    kinds = [each["type"] for each in shown(log.end("cancelled"))[-6:]]
    assert kinds == [
        "TEXT_MESSAGE_END",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "TOOL_CALL_END",
        "STEP_FINISHED",
        "RUN_FINISHED",
    ]


def test_it_tells_modern_clients_that_a_run_was_cancelled() -> None:
    assert shown(RunLog().start().end("cancelled"))[-1]["outcome"] == {"type": "cancelled"}


def test_it_tells_older_clients_that_a_run_was_cancelled_as_an_error() -> None:
    last = shown(RunLog().start().end("cancelled"), modern=False)[-1]
    assert (last["type"], last["code"]) == ("RUN_ERROR", "cancelled")


@pytest.mark.parametrize("kind", ["error", "blocked"])
def test_it_ends_a_failed_run_with_its_error(kind: Any) -> None:
    assert shown(RunLog().start().end(kind, detail="no quota", code="quota"))[-1] == {
        "type": "RUN_ERROR", "message": "no quota", "code": "quota",
    }  # fmt: skip


def test_it_says_which_limit_stopped_a_run() -> None:
    *_, custom, last = shown(RunLog().start().end("stopped", code="max_rounds"))
    assert custom["value"] == {"code": "max_rounds", "detail": None}
    assert last["outcome"] == {"type": "success"}


def test_it_can_be_failed_from_outside_but_only_once() -> None:
    encoder = AgUiEncoder(Echo("thread", "run"))
    assert [each["type"] for each in encoder.fail("gone", "gone")] == ["RUN_ERROR"]
    assert encoder.fail("gone", "gone") == []


# --- waiting --------------------------------------------------------------------------------------
def waiting(*, client_side: bool = False) -> RunLog:
    log = RunLog().start().think("May I?", ("c1",))
    if not client_side:
        return log.finish_call("c1", "suspended").suspend("c1")
    ticket = permission("c1").model_copy(update={"kind": "client_tool"})
    return log.emit(
        ToolCallFinished(
            call_id="c1",
            name="rm",
            outcome="suspended",
            result_message_id="tool-c1",
            suspension=ticket,
        ),
        RunSuspended(**IDS, tickets=[ticket], reason="client_tool"),
    )


def test_it_interrupts_for_people() -> None:
    last = shown(waiting())[-1]
    (interrupt,) = last["outcome"]["interrupts"]
    assert last["outcome"]["type"] == "interrupt"
    assert interrupt["id"] == "perm_c1"
    assert interrupt["toolCallId"] == "c1"
    assert interrupt["metadata"]["toolName"] == "rm"


def test_it_snapshots_the_messages_before_it_interrupts() -> None:
    (snapshot,) = only(waiting(), "MESSAGES_SNAPSHOT")
    (message,) = snapshot["messages"]
    assert (message["id"], message["content"]) == ("m0", "May I?")
    assert [call["id"] for call in message["toolCalls"]] == ["c1"]


def test_it_leaves_calls_of_the_client_open() -> None:
    last = shown(waiting(client_side=True))[-1]
    assert last["outcome"] == {"type": "success", "pendingToolCallIds": ["c1"]}


def test_it_hides_from_older_clients_what_they_do_not_know() -> None:
    assert "outcome" not in shown(waiting(client_side=True), modern=False)[-1]


def test_it_goes_on_without_opening_the_call_again() -> None:
    log = waiting().start("resume").decide("c1").finish_call("c1", "succeeded", resumed=True)
    log.step = 1
    second = streams(log.think("Done").end_step().end().seen)[1]
    verify(second)
    kinds = [each["type"] for each in second]
    assert kinds[:3] == ["RUN_STARTED", "TOOL_CALL_RESULT", "STEP_STARTED"]
    assert "TOOL_CALL_START" not in kinds
    assert second[-1]["usage"] == USAGE


def test_it_does_not_repeat_a_result_that_the_client_made() -> None:
    log = waiting(client_side=True)
    rest = log.last_seq
    log.start("resume").finish_call("c1", "succeeded", resumed=True).end()
    frames = stream(log.seen, after_seq=rest, held=frozenset({"c1"}))
    assert "TOOL_CALL_RESULT" not in [each["type"] for each in frames]


def test_it_shows_no_result_for_a_call_that_was_given_up() -> None:
    log = RunLog().start().think(calls=("c1",)).finish_call("c1", "cancelled").end("cancelled")
    assert only(log, "TOOL_CALL_RESULT") == []
