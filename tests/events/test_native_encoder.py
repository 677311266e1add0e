"""From run events to the native stream: members, order and ends."""

from collections.abc import Iterable
from typing import Any

import pytest

from runs.api.native import NativeEncoder
from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    AnyEvent,
    ArtifactUpdated,
    DataProduced,
    ErrorReported,
    FileProduced,
    InputAccepted,
    ReasoningDelta,
    ReasoningEnded,
    Record,
    SourceCited,
    StateDelta,
    StateSnapshot,
    ToolCallFinished,
    ToolCallProgress,
)
from tests.events.run_logs import RunLog

Payload = dict[str, Any]


def encoded(log: RunLog, *, after_seq: int = 0) -> list[Payload]:
    encoder = NativeEncoder("r", after_seq=after_seq)
    return [payload for record in log.seen for payload in encoder.encode(record)]


def kinds(payloads: Iterable[Payload]) -> list[str]:
    return [payload["event_type"] for payload in payloads]


def only(payloads: Iterable[Payload], kind: str) -> Payload:
    (found,) = [payload for payload in payloads if payload["event_type"] == kind]
    return found


def alone(event: AnyEvent) -> list[Payload]:
    return NativeEncoder("r").encode(Record(1, 5, event))


# --- order ----------------------------------------------------------------------------------------


def test_it_says_one_tool_call_in_the_canonical_order() -> None:
    log = RunLog().start().think("ok", ("c1",)).work("c1").finish_call("c1", "succeeded")
    log.end_step().think("Hi").end_step().end()
    assert kinds(encoded(log)) == [
        "run_start",
        "step_start",
        "text_delta",
        "text_delta",
        "tool_call_start",
        "tool_call_delta",
        "tool_call_ready",
        "inference_complete",
        "activity_snapshot",
        "tool_call_stream_delta",
        "tool_call_done",
        "state_snapshot",
        "step_end",
        "step_start",
        "text_delta",
        "text_delta",
        "inference_complete",
        "state_snapshot",
        "step_end",
        "state_snapshot",
        "run_finish",
    ]


def test_it_reports_the_inference_although_a_call_was_dropped() -> None:
    log = RunLog().start().think("", ("c1", "c2"))
    log.seen.pop()
    log.end_step()
    assert kinds(encoded(log))[-4:] == [
        "tool_call_ready",
        "inference_complete",
        "state_snapshot",
        "step_end",
    ]


def test_it_closes_a_step_that_the_run_leaves_open() -> None:
    log = RunLog().start().think("Hi").end("cancelled")
    assert kinds(encoded(log))[-3:] == ["step_end", "state_snapshot", "run_finish"]


def test_it_tells_a_suspension_and_a_resumption() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    log.start("resume").decide("c1").finish_call("c1", "succeeded", resumed=True)
    assert kinds(encoded(log))[-8:] == [
        "tool_call_done",
        "state_snapshot",
        "step_end",
        "state_snapshot",
        "run_finish",
        "run_start",
        "tool_call_decided",
        "tool_call_resumed",
    ]


# --- members --------------------------------------------------------------------------------------


def test_it_names_run_thread_and_parent() -> None:
    log = RunLog().start()
    assert encoded(log) == [{"event_type": "run_start", "thread_id": "t", "run_id": "r"}]


def test_it_tells_the_message_a_step_will_store() -> None:
    payloads = encoded(RunLog().start().think("a"))
    assert only(payloads, "step_start") == {"event_type": "step_start", "message_id": "m0"}


def test_it_reports_model_usage_and_duration() -> None:
    payloads = encoded(RunLog().start().think("a"))
    assert only(payloads, "inference_complete") == {
        "event_type": "inference_complete",
        "model": "up",
        "usage": {"prompt_tokens": 1},
        "duration_ms": 3,
    }


def test_it_hands_over_the_ticket_of_a_suspended_call() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended")
    done = only(encoded(log), "tool_call_done")
    assert done["outcome"] == "suspended"
    assert done["result"] == {
        "tool_name": "rm",
        "status": "pending",
        "data": 1,
        "message": "Tool 'rm' suspended: awaiting decision",
        "suspension": {
            "suspension": {
                "id": "perm_c1",
                "action": "tool:PermissionConfirm",
                "message": "Permission required for tool 'rm'",
                "parameters": {"path": "/x"},
            },
            "pending": {
                "id": "perm_c1",
                "name": "permission_confirm",
                "arguments": {"path": "/x"},
            },
            "resume_mode": "replay_tool_call",
        },
    }


@pytest.mark.parametrize(
    ("members", "result"),
    [
        ({"outcome": "succeeded", "data": {"a": 1}}, {"a": 1}),
        (
            {"outcome": "succeeded", "data": 1, "metadata": {"k": 2}},
            {"data": 1, "metadata": {"k": 2}},
        ),
        ({"outcome": "failed", "error": "broken"}, {"error": "broken"}),
        ({"outcome": "cancelled", "data": {"approved": False}}, {"approved": False}),
        ({"outcome": "cancelled"}, None),
    ],
)
def test_it_tells_what_a_resumed_call_came_to(members: Payload, result: Any) -> None:
    event = ToolCallFinished(call_id="c", name="rm", result_message_id="m", resumed=True, **members)
    assert alone(event) == [{"event_type": "tool_call_resumed", "target_id": "c", "result": result}]


@pytest.mark.parametrize(
    ("members", "status", "outcome", "message"),
    [
        ({"outcome": "succeeded", "data": 1, "message": "one"}, "success", "succeeded", "one"),
        ({"outcome": "failed", "error": "broken"}, "error", "failed", "broken"),
        ({"outcome": "cancelled"}, "error", "failed", "the call was cancelled"),
    ],
)
def test_it_tells_what_a_call_came_to(
    members: Payload, status: str, outcome: str, message: str
) -> None:
    (done,) = alone(ToolCallFinished(call_id="c", name="rm", result_message_id="m", **members))
    assert (done["id"], done["message_id"], done["outcome"]) == ("c", "m", outcome)
    assert (done["result"]["status"], done["result"]["message"]) == (status, message)


def test_it_asks_again_when_a_resumed_call_suspends_again() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended", resumed=True)
    assert only(encoded(log), "tool_call_done")["outcome"] == "suspended"


def test_it_shows_progress_as_an_activity() -> None:
    log = (
        RunLog()
        .start()
        .emit(
            ToolCallProgress(
                call_id="c", name="rm", status="running", loaded=1, total=2, message="x"
            )
        )
    )
    assert encoded(log)[-1] == {
        "event_type": "activity_snapshot",
        "message_id": "c",
        "activity_type": "tool-call-progress",
        "content": {
            "schema": "tool-call-progress.v1",
            "node_id": "tool_call:c",
            "call_id": "c",
            "tool_name": "rm",
            "status": "running",
            "loaded": 1.0,
            "total": 2.0,
            "message": "x",
            "run_id": "r",
            "thread_id": "t",
        },
        "replace": True,
    }


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (ReasoningDelta(block_id="b", delta="x"), {"event_type": "reasoning_delta", "delta": "x"}),
        (
            ReasoningEnded(block_id="b", signature="s"),
            {"event_type": "reasoning_encrypted_value", "encrypted_value": "s"},
        ),
        (
            ActivitySnapshot(activity_id="i", activity_type="plan", content={"a": 1}),
            {
                "event_type": "activity_snapshot",
                "message_id": "i",
                "activity_type": "plan",
                "content": {"a": 1},
                "replace": True,
            },
        ),
        (
            ActivityDelta(activity_id="i", activity_type="plan", patch=[{"op": "remove"}]),
            {
                "event_type": "activity_delta",
                "message_id": "i",
                "activity_type": "plan",
                "patch": [{"op": "remove"}],
            },
        ),
        (
            StateSnapshot(snapshot={"a": 1}),
            {"event_type": "thread_state_snapshot", "snapshot": {"a": 1}},
        ),
        (
            StateDelta(delta=[{"op": "x"}]),
            {"event_type": "thread_state_delta", "delta": [{"op": "x"}]},
        ),
        (ErrorReported(message="m"), {"event_type": "error", "message": "m"}),
        (
            InputAccepted(message_ids=["m"]),
            {"event_type": "input_accepted", "message_ids": ["m"]},
        ),
        (
            DataProduced(name="n", data=None),
            {"event_type": "data_produced", "name": "n", "transient": False},
        ),
    ],
)
def test_it_translates_the_other_events(event: AnyEvent, payload: Payload) -> None:
    assert alone(event) == [payload]


@pytest.mark.parametrize(
    "event",
    [
        ArtifactUpdated(artifact_id="a", parts=[{"type": "text", "text": "x"}]),
        FileProduced(message_id="m", block_id="b", media_type="image/png", url="https://x"),
        SourceCited(message_id="m", source_id="s", kind="url", url="https://x"),
    ],
)
def test_it_shows_events_of_its_own_with_all_their_members(event: AnyEvent) -> None:
    members = event.model_dump(exclude_none=True)
    assert alone(event) == [{"event_type": members.pop("type"), **members}]


def test_it_hides_a_reasoning_end_without_a_signature() -> None:
    assert alone(ReasoningEnded(block_id="b")) == []


# --- how a run ends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "members", "termination", "reason"),
    [
        ("natural_end", {}, {"type": "natural_end"}, "natural"),
        ("cancelled", {}, {"type": "cancelled"}, "cancelled"),
        (
            "stopped",
            {"code": "max_rounds", "detail": "16"},
            {"type": "stopped", "value": {"code": "max_rounds", "detail": "16"}},
            "stopped:max_rounds",
        ),
        ("blocked", {"detail": "no"}, {"type": "blocked", "value": "no"}, "blocked:no"),
    ],
)
def test_it_tells_why_a_run_ended(
    kind: str, members: Payload, termination: Payload, reason: str
) -> None:
    finish = encoded(RunLog().start().end(kind, **members))[-1]
    assert finish == {
        "event_type": "run_finish",
        "thread_id": "t",
        "run_id": "r",
        "result": {"response": "Hi", "status": "done", "status_reason": reason},
        "termination": termination,
    }


def test_it_has_no_result_for_an_error() -> None:
    finish = encoded(RunLog().start().end("error", detail="broken"))[-1]
    assert "result" not in finish
    assert finish["termination"] == {"type": "error", "value": "broken"}


def test_it_has_no_result_for_a_suspension() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    assert encoded(log)[-1] == {
        "event_type": "run_finish",
        "thread_id": "t",
        "run_id": "r",
        "termination": {"type": "suspended"},
    }
