"""Recorded runs, encoded and played to the real clients: what demo agents do not do."""

from collections.abc import Sequence
from typing import Any

import pytest

from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    AnyEvent,
    DataProduced,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    StateDelta,
    StateSnapshot,
    StepReset,
    StepStarted,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallDelta,
    ToolCallProgress,
    ToolCallStarted,
)
from tests.clients.ag_ui.conftest import PACKAGES, Node, Played
from tests.clients.ag_ui.tape import tape
from tests.events.run_logs import RunLog
from tests.faces.ag_ui_streams import listed, streams

pytestmark = pytest.mark.leg("postgres")  # what clients make of the protocol is the same on both


VERSIONS = list(PACKAGES)
ALL = pytest.mark.parametrize("version", VERSIONS)


def replay(
    node: Node, version: str, log: RunLog, *, steps: Sequence[dict[str, Any]] = ()
) -> Played:
    modern = version == "1.0.0"
    with tape(streams(log.seen, modern=modern)) as address:
        task = {
            "package": PACKAGES[version],
            "url": f"{address}/",
            "base": address,
            "threadId": "thread",
            "agent": {},
            "steps": [{"run": {"runId": "run"}}, *steps],
        }
        return node.played(task, modern=modern)


def roles_and_texts(found: Played) -> list[tuple[str, Any]]:
    return [(each["role"], each.get("content")) for each in found.messages]


def lost_text(log: RunLog) -> RunLog:
    """A text that breaks off; its step starts again."""
    before = log.last_seq
    log.emit(
        StepStarted(step=log.step, message_id=f"m{log.step}"),
        TextStarted(message_id=f"m{log.step}", block_id="lost"),
        TextDelta(block_id="lost", delta="Helló wro"),
    )
    return log.reset(before)


@ALL
def test_it_does_not_double_the_text_of_a_step_that_starts_again(node: Node, version: str) -> None:
    log = lost_text(RunLog().start()).think("Hello").end_step().end()
    found = replay(node, version, log)
    assert roles_and_texts(found) == [("assistant", "Hello")]
    assert found.warnings == []


@ALL
def test_it_keeps_earlier_messages_when_a_step_starts_again(node: Node, version: str) -> None:
    log = RunLog().start().think("One", ("c1",)).finish_call("c1", "succeeded").end_step()
    found = replay(node, version, lost_text(log).think("Two").end_step().end())
    assert roles_and_texts(found) == [("assistant", "One"), ("tool", "1"), ("assistant", "Two")]
    assert [each["id"] for each in found.messages] == [each["id"] for each in listed(log.seen)]


@ALL
def test_it_takes_back_a_call_of_a_step_that_starts_again(node: Node, version: str) -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(
        StepStarted(step=0, message_id="m0"),
        ToolCallStarted(call_id="lost", name="rm", message_id="m0"),
        ToolCallDelta(call_id="lost", delta='{"pa'),
    )
    found = replay(node, version, log.reset(before).think("Hello").end_step().end())
    assert roles_and_texts(found) == [("assistant", "Hello")]
    assert "toolCalls" not in found.messages[0]


@ALL
def test_it_shows_reasoning_apart_from_the_answer(node: Node, version: str) -> None:
    log = RunLog().start().emit(
        StepStarted(step=0, message_id="m0"),
        ReasoningStarted(message_id="m0", block_id="r"),
        ReasoningDelta(block_id="r", delta="hm"),
        ReasoningEnded(block_id="r", signature="sealed"),
        TextStarted(message_id="m0", block_id="t"),
        TextDelta(block_id="t", delta="42"),
        TextEnded(block_id="t"),
    )  # fmt: skip
    found = replay(node, version, log.end_step().end())
    assert roles_and_texts(found) == [("reasoning", "hm"), ("assistant", "42")]
    assert found.warnings == []


@pytest.mark.parametrize("version", ["1.0.0", "0.0.59"])
def test_it_does_not_double_reasoning_that_comes_again(node: Node, version: str) -> None:
    thought: list[AnyEvent] = [
        StepStarted(step=0, message_id="m0"),
        ReasoningStarted(message_id="m0", block_id="r"),
        ReasoningDelta(block_id="r", delta="hm"),
        ReasoningEnded(block_id="r"),
    ]
    log = RunLog().start()
    reset = StepReset(step=0, message_id="m0", after_seq=log.last_seq, reason="overloaded")
    log.emit(*thought, reset, *thought)
    assert roles_and_texts(replay(node, version, log.end_step().end())) == [("reasoning", "hm")]


@ALL
def test_it_shares_the_state(node: Node, version: str) -> None:
    change: Any = [{"op": "replace", "path": "/n", "value": 2}]
    log = RunLog().start().emit(StateSnapshot(snapshot={"n": 1}), StateDelta(delta=change))
    assert replay(node, version, log.end()).last["state"] == {"n": 2}


@ALL
def test_it_shows_activities_and_progress(node: Node, version: str) -> None:
    patch: Any = [{"op": "replace", "path": "/page", "value": 2}]
    log = RunLog().start().emit(
        ActivitySnapshot(activity_id="a1", activity_type="search", content={"page": 1}),
        ActivityDelta(activity_id="a1", activity_type="search", patch=patch),
        ToolCallProgress(call_id="c1", name="copy", status="running", progress=0.5),
        ToolCallProgress(call_id="c1", name="copy", status="done", progress=1.0),
    )  # fmt: skip
    found = replay(node, version, log.end())
    contents = [each["content"] for each in found.messages]
    assert contents[0] == {"page": 2}
    assert contents[1]["status"] == "done"
    assert len(contents) == 2
    assert found.warnings == []


@ALL
def test_it_hands_custom_data_over(node: Node, version: str) -> None:
    log = RunLog().start().emit(DataProduced(name="chart", data=None)).end()
    assert "CUSTOM" in replay(node, version, log).last["events"]


@ALL
@pytest.mark.parametrize("kind", ["cancelled", "error", "stopped"])
def test_it_ends_in_the_middle_of_everything(node: Node, version: str, kind: Any) -> None:
    log = RunLog().start().emit(
        StepStarted(step=0, message_id="m0"),
        ReasoningStarted(message_id="m0", block_id="r"),
        TextStarted(message_id="m0", block_id="t"),
        ToolCallStarted(call_id="c1", name="rm", message_id="m0"),
    )  # fmt: skip
    run = replay(node, version, log.end(kind, code="x")).last
    assert "rejected" not in run
    assert run["events"][-1] in {"RUN_FINISHED", "RUN_ERROR"}


@ALL
def test_it_answers_parallel_calls_of_which_one_waits(node: Node, version: str) -> None:
    log = RunLog().start().think("Both", ("c1", "c2"))
    log.finish_call("c1", "suspended").finish_call("c2", "succeeded").suspend("c1")
    log.start("resume").decide("c1").finish_call("c1", "succeeded", resumed=True)
    log.step = 1
    log.think("Done").end_step().end()
    answer = {"resume": {"status": "resolved", "payload": {"approved": True}}}
    found = replay(node, version, log, steps=[answer])
    assert sorted(each["id"] for each in found.messages) == ["m0", "m1", "tool-c1", "tool-c2"]
    assert found.messages[-1]["content"] == "Done"
    assert found.warnings == []
