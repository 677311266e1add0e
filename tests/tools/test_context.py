import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.events.types import EVENT, Event
from runs.tools import ToolError
from runs.tools import gate as gates
from runs.tools.errors import CallCancelled
from tests.tools.calls import Call


def shown(call: Call) -> list[dict[str, Any]]:
    return [event.model_dump(exclude_none=True) for event in call.events]


def test_it_reports_progress() -> None:
    call = Call()
    call.context.progress(0.5, message="half")
    assert shown(call) == [
        {
            "type": "tool_call_progress",
            "call_id": "call-1",
            "name": "probe",
            "status": "running",
            "progress": 0.5,
            "message": "half",
        }
    ]


def test_it_computes_the_fraction_of_what_is_loaded() -> None:
    call = Call()
    call.context.progress(loaded=3, total=12)
    [event] = shown(call)
    assert (event["progress"], event["loaded"], event["total"]) == (0.25, 3.0, 12.0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_it_keeps_the_fraction_between_zero_and_one(fraction: float) -> None:
    call = Call()
    call.context.progress(fraction)
    assert 0 <= shown(call)[0]["progress"] <= 1


def test_it_refuses_progress_that_is_not_a_number() -> None:
    with pytest.raises(ToolError, match="finite"):
        Call().context.progress(float("nan"))


def test_it_thins_out_progress_nobody_could_see() -> None:
    call = Call()
    for done in range(100_001):
        call.context.progress(loaded=done, total=100_000)
    assert len(call.events) <= 202
    assert shown(call)[0]["progress"] == 0.0
    assert shown(call)[-1]["progress"] == 1.0


def test_it_streams_output_and_skips_empty_pieces() -> None:
    call = Call()
    call.context.output("line\n")
    call.context.output("")
    assert [event["delta"] for event in shown(call)] == ["line\n"]


def test_it_publishes_artifacts_in_pieces() -> None:
    call = Call()
    artifact = call.context.artifact("one", name="report", last_chunk=False)
    call.context.artifact({"type": "data", "data": {"n": None}}, artifact_id=artifact, append=True)
    first, second = shown(call)
    assert first["artifact_id"] == second["artifact_id"] == artifact
    assert first["parts"] == [{"type": "text", "text": "one"}]
    assert call.events[1].model_dump()["parts"] == [{"type": "data", "data": {"n": None}}]
    assert (first["append"], second["append"], second["last_chunk"]) == (False, True, True)


def test_it_gives_artifacts_the_same_ids_when_a_call_is_executed_again() -> None:
    once, again = Call(), Call()
    for call in (once, again):
        call.context.artifact("a")
        call.context.artifact("b")
    assert [event["artifact_id"] for event in shown(once)] == [
        event["artifact_id"] for event in shown(again)
    ]
    assert len({event["artifact_id"] for event in shown(once)}) == 2


def test_it_refuses_an_artifact_part_it_does_not_know() -> None:
    with pytest.raises(ToolError, match="invalid artifact part"):
        Call().context.artifact({"type": "sound"})


def test_it_sends_application_data() -> None:
    call = Call()
    call.context.data("chart", {"points": [1]}, data_id="c", transient=True)
    [event] = shown(call)
    assert event["type"] == "data_produced"
    assert (event["name"], event["data"], event["data_id"], event["transient"]) == (
        "chart",
        {"points": [1]},
        "c",
        True,
    )


def test_it_shows_an_activity_and_patches_it() -> None:
    call = Call()
    shown_first = call.context.activity("PLAN", {"steps": []})
    patched = call.context.activity(
        "PLAN", patch=[{"op": "add", "path": "/steps/-", "value": "look"}]
    )
    assert shown_first == patched
    assert [event["type"] for event in shown(call)] == ["activity_snapshot", "activity_delta"]


@pytest.mark.parametrize("arguments", [{}, {"content": {}, "patch": []}])
def test_it_wants_either_content_or_patch_of_an_activity(arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="either content or patch"):
        Call().context.activity("PLAN", **arguments)


def test_it_replaces_the_shared_state() -> None:
    call = Call(state={"a": 1})
    call.context.set_state({"b": 2})
    assert shown(call) == [{"type": "state_snapshot", "snapshot": {"b": 2}}]
    assert call.context.state == {"b": 2}


def test_it_patches_the_shared_state() -> None:
    call = Call(state={"a": [1]})
    operations = [{"op": "add", "path": "/a/-", "value": 2}]
    call.context.set_state(operations)
    assert shown(call) == [{"type": "state_delta", "delta": operations}]
    assert call.context.state == {"a": [1, 2]}


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "remove", "path": "/missing"}],
        [{"op": "replace", "path": "", "value": 1}],
        ["remove"],
        "text",
    ],
)
def test_it_refuses_a_state_change_that_does_not_apply(patch: Any) -> None:
    call = Call(state={"a": 1})
    with pytest.raises(ToolError):
        call.context.set_state(patch)
    assert (call.events, call.context.state) == ([], {"a": 1})


def test_it_hands_out_copies_of_the_state() -> None:
    original = {"cart": {"items": [1]}}
    context = Call(state=original).context
    context.state["cart"]["items"].append(2)
    assert context.state == {"cart": {"items": [1]}}
    assert original == {"cart": {"items": [1]}}
    with pytest.raises(TypeError):
        context.state["cart"] = {}  # type: ignore[index]


def test_it_refuses_data_without_a_json_form() -> None:
    with pytest.raises(ToolError, match="not a JSON value"):
        Call().context.data("x", object())


def test_it_sees_that_the_call_is_no_longer_wanted() -> None:
    wanted = threading.Event()
    context = Call(is_cancelled=wanted.is_set).context
    context.raise_if_cancelled()
    wanted.set()
    assert context.cancelled
    with pytest.raises(CallCancelled):
        context.raise_if_cancelled()


def test_it_is_not_heard_after_the_call_has_ended() -> None:
    call = Call()
    call.context.gate.close()
    call.context.output("late")
    call.context.set_state({"late": True})
    assert call.events == []
    assert call.context.cancelled


def test_it_bounds_what_one_call_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MAX_EVENTS", 2)
    call = Call()
    call.context.output("a")
    call.context.output("b")
    call.context.progress(0.5)
    with pytest.raises(ToolError, match="more events"):
        call.context.output("c")
    assert len(call.events) == 2


def test_it_bounds_the_text_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MAX_CHARACTERS", 10)
    with pytest.raises(ToolError, match="more events"):
        Call().context.output("x" * 11)


def test_it_keeps_calls_from_many_threads_apart() -> None:
    inside = 0
    overlaps: list[int] = []
    events: list[Event] = []

    def emit(event: Event) -> None:
        nonlocal inside
        inside += 1
        overlaps.append(inside)
        events.append(event)
        inside -= 1

    context = Call(emit=emit, state={"n": []}).context
    start = threading.Barrier(8)

    def speak() -> None:
        start.wait()
        for _ in range(50):
            context.output("x")
            context.set_state([{"op": "add", "path": "/n/-", "value": 1}])
            context.artifact("x")

    threads = [threading.Thread(target=speak) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(overlaps) == {1}
    assert len(events) == 8 * 50 * 3
    assert len(context.state["n"]) == 400
    assert len({event.artifact_id for event in events if event.type == "artifact_updated"}) == 400  # type: ignore[attr-defined]


def test_it_emits_nothing_once_close_has_returned() -> None:
    entered, leave = threading.Event(), threading.Event()
    events: list[Event] = []

    def slow_emit(event: Event) -> None:
        entered.set()
        leave.wait(10)
        events.append(event)

    context = Call(emit=slow_emit).context
    speaking = threading.Thread(target=context.output, args=("x",))
    speaking.start()
    entered.wait(10)
    closed: list[int] = []

    def close() -> None:
        context.gate.close()
        closed.append(len(events))

    closing = threading.Thread(target=close)
    closing.start()
    leave.set()
    speaking.join()
    closing.join()
    assert closed == [1]


def test_it_emits_events_of_the_closed_union() -> None:
    call = Call(state={})
    call.context.progress(1)
    call.context.output("x")
    call.context.artifact("x")
    call.context.data("x", 1)
    call.context.activity("x", {})
    call.context.activity("x", patch=[])
    call.context.set_state({})
    call.context.set_state([])
    for event in call.events:
        assert EVENT.validate_python(event.model_dump()) == event
