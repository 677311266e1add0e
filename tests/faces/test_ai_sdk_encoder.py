"""Recorded runs and the chunks they become; every stream passes the strictest client."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentserver.protocols.ai_sdk.assemble import message_of
from agentserver.protocols.ai_sdk.chunks import Chunk
from agentserver.protocols.ai_sdk.encoder import MessageEncoder
from agentserver.protocols.ai_sdk.turn import held_until
from runs.events.fold import surviving
from runs.events.types import (
    ActivitySnapshot,
    AnyEvent,
    ArtifactUpdated,
    DataProduced,
    FileProduced,
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    Record,
    RunFinished,
    RunStarted,
    RunSuspended,
    SourceCited,
    StateSnapshot,
    StepStarted,
    Suspension,
    Termination,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallReady,
    ToolCallStarted,
)
from tests.events.run_logs import ASIDES, IDS, RunLog, run_logs
from tests.faces.ai_sdk_wire import Refused, check, check_shape

START: Chunk = {
    "type": "start",
    "messageId": "r",
    "messageMetadata": {"runId": "r", "threadId": "t", "agentId": "a"},
}
STEP: Chunk = {"type": "start-step"}
END_STEP: Chunk = {"type": "finish-step"}


def encoded(records: Iterable[Record], *, after_seq: int = 0) -> list[Chunk]:
    encoder = MessageEncoder("r", after_seq=after_seq)
    chunks = [chunk for record in records for chunk in encoder.encode(record)]
    return chunks + encoder.end()


def finish(reason: str, prompt_tokens: int = 1) -> Chunk:
    usage = {"usage": {"inputTokens": prompt_tokens}}
    return {"type": "finish", "finishReason": reason, "messageMetadata": usage}


def text(block: str, *deltas: str) -> list[Chunk]:
    said = [{"type": "text-delta", "id": block, "delta": delta} for delta in deltas]
    return [{"type": "text-start", "id": block}, *said, {"type": "text-end", "id": block}]


def call(call_id: str, name: str = "rm") -> list[Chunk]:
    about = {"toolCallId": call_id, "toolName": name}
    return [
        {"type": "tool-input-start", **about},
        {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": "{}"},
        {"type": "tool-input-available", **about, "input": {}},
    ]


def output(call_id: str, value: Any = 1) -> Chunk:
    return {"type": "tool-output-available", "toolCallId": call_id, "output": value}


def approval(call_id: str) -> Chunk:
    return {
        "type": "tool-approval-request",
        "approvalId": f"perm_{call_id}",
        "toolCallId": call_id,
    }


def answered() -> RunLog:
    log = RunLog().start().think("", ("c",)).finish_call("c", "succeeded").end_step()
    return log.think("ok").end_step().end()


def waiting() -> RunLog:
    return RunLog().start().think("Hm", ("c",)).finish_call("c", "suspended").suspend("c")


def resumed(action: str, outcome: str) -> RunLog:
    log = waiting().start("resume").decide("c", action)
    log.finish_call("c", outcome, resumed=True)
    log.step += 1
    return log.think("ok").end_step().end()


SCENARIOS: dict[str, tuple[Callable[[], RunLog], list[Chunk]]] = {
    "plain": (
        lambda: RunLog().start().think("Hi").end_step().end(),
        [START, STEP, *text("b2", "H", "i"), END_STEP, finish("stop")],
    ),
    "tool": (
        answered,
        [
            START, STEP, *call("c"), output("c"), END_STEP,
            STEP, *text("b9", "o", "k"), END_STEP, finish("stop", 2),
        ],
    ),
    "approval": (
        waiting,
        [START, STEP, *text("b2", "H", "m"), *call("c"), approval("c"), END_STEP,
         finish("tool-calls")],
    ),
    "approved": (
        lambda: resumed("resume", "succeeded"),
        [
            START, STEP, *text("b2", "H", "m"), *call("c"), approval("c"), END_STEP, output("c"),
            STEP, *text("b17", "o", "k"), END_STEP, finish("stop", 2),
        ],
    ),
    "denied": (
        lambda: resumed("cancel", "cancelled"),
        [
            START, STEP, *text("b2", "H", "m"), *call("c"), approval("c"), END_STEP,
            {"type": "tool-output-denied", "toolCallId": "c"},
            STEP, *text("b17", "o", "k"), END_STEP, finish("stop", 2),
        ],
    ),
    "a failing tool": (
        lambda: RunLog().start().think("", ("c",)).finish_call("c", "failed").end_step()
        .think("ok").end_step().end(),
        [
            START, STEP, *call("c"),
            {"type": "tool-output-error", "toolCallId": "c", "errorText": "no"}, END_STEP,
            STEP, *text("b9", "o", "k"), END_STEP, finish("stop", 2),
        ],
    ),
    "an error before the first step": (
        lambda: RunLog().start().end("error", detail="no key"),
        [START, {"type": "error", "errorText": "no key"}],
    ),
    "an error in the middle": (
        lambda: RunLog().start().emit(
            StepStarted(step=0, message_id="m0"),
            ToolCallStarted(call_id="c", name="rm", message_id="m0"),
        ).end("error", detail="broke"),
        [
            START, STEP, call("c")[0],
            {"type": "tool-output-error", "toolCallId": "c",
             "errorText": "the run ended before this call did"},
            END_STEP, {"type": "error", "errorText": "broke"},
        ],
    ),
    "cancelled while a tool ran": (
        lambda: RunLog().start().think("", ("c",)).end("cancelled"),
        [
            START, STEP, *call("c"),
            {"type": "tool-output-error", "toolCallId": "c",
             "errorText": "the run ended before this call did"},
            END_STEP, STEP, END_STEP,
            {"type": "message-metadata", "messageMetadata": {"usage": {"inputTokens": 1}}},
            {"type": "abort"},
        ],
    ),
    "cancelled in the queue": (
        lambda: RunLog().end("cancelled"),
        [{"type": "start", "messageId": "r"}, {"type": "abort"}],
    ),
    "stopped at the limit of steps": (
        lambda: RunLog().start().think("", ("c",)).finish_call("c", "succeeded").end_step()
        .end("stopped", code="max_rounds"),
        [START, STEP, *call("c"), output("c"), END_STEP, STEP, END_STEP, finish("tool-calls")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_encodes_the_scenario(name: str) -> None:
    made, expected = SCENARIOS[name]
    assert encoded(made().seen) == expected


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_stays_within_what_strict_clients_accept(name: str) -> None:
    check(encoded(SCENARIOS[name][0]().seen))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_logs(ASIDES))
def test_it_never_breaks_a_strict_client(log: RunLog) -> None:
    check(encoded(log.seen))
    check(encoded(surviving(log.stored)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_logs(ASIDES))
def test_it_says_the_same_to_a_second_viewer(log: RunLog) -> None:
    assert encoded(log.seen) == encoded(log.seen)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_logs(ASIDES), st.data())
def test_it_ends_a_stream_cut_anywhere(log: RunLog, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log.seen)))
    if cut:
        check(encoded(log.seen[:cut]))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_logs(ASIDES))
def test_it_goes_on_after_a_suspension_with_what_the_client_misses(log: RunLog) -> None:
    records = surviving(log.stored)
    places = [record.seq for record in records if isinstance(record.event, RunSuspended)]
    whole = encoded(records)
    for place in places:
        before = MessageEncoder("r")
        held = [c for each in records if each.seq <= place for c in before.encode(each)]
        tail = encoded(records, after_seq=place)
        assert tail[0] == START
        assert held + tail[1:] == whole
        check(tail, known_calls={c["toolCallId"] for c in held if "toolCallId" in c})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(run_logs(ASIDES))
def test_it_lists_every_text_that_survived(log: RunLog) -> None:
    texts = [
        part["text"]
        for part in (message_of("r", log.stored) or {"parts": []})["parts"]
        if part["type"] == "text"
    ]
    said = [r.event.delta for r in surviving(log.stored) if r.event.type == "text_delta"]
    assert "".join(texts) == "".join(said)


# --- a step that is done again ------------------------------------------------------------------


def again(first: str, second: str, *, ended: bool = False) -> list[Chunk]:
    """The chunks of a run whose first attempt broke off after ``first``."""
    log = RunLog().start()
    before = log.last_seq
    log.think(first)
    kept = len(log.seen) - (1 if ended else 2)
    del log.seen[kept:]
    log.reset(before)
    return encoded(log.think(second).end_step().end().seen)


def shown(chunks: Iterable[Chunk]) -> str:
    return "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")


def test_it_goes_on_where_a_repeated_step_catches_up() -> None:
    chunks = again("Hel", "Hello")
    assert shown(chunks) == "Hello"
    assert [chunk["type"] for chunk in chunks].count("text-start") == 1
    check(chunks)


def test_it_sends_nothing_twice_when_a_repeated_step_says_the_same() -> None:
    chunks = again("Hello", "Hello", ended=True)
    assert shown(chunks) == "Hello"
    check(chunks)


def test_it_goes_on_in_another_step_when_a_repeated_step_differs() -> None:
    chunks = again("Hel", "Bye")
    assert shown(chunks) == "HelBye"
    assert [chunk["type"] for chunk in chunks].count("start-step") == 2
    check(chunks)


def test_it_does_not_take_a_longer_text_for_one_that_had_ended() -> None:
    chunks = again("Hi", "Hi you", ended=True)
    assert [chunk["type"] for chunk in chunks].count("start-step") == 2
    check(chunks)


def test_it_catches_up_with_a_call_under_the_same_id() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(
        StepStarted(step=0, message_id="m0"),
        ToolCallStarted(call_id="c", name="rm", message_id="m0"),
        ToolCallDelta(call_id="c", delta="{"),
    )
    log.reset(before).think("", ("c",)).finish_call("c", "succeeded").end_step()
    chunks = encoded(log.think("ok").end_step().end().seen)
    deltas = [chunk["inputTextDelta"] for chunk in chunks if chunk["type"] == "tool-input-delta"]
    assert deltas == ["{", "}"]
    check(chunks)


def test_it_gives_up_a_call_that_is_not_made_again() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.emit(
        StepStarted(step=0, message_id="m0"),
        ToolCallStarted(call_id="lost", name="rm", message_id="m0"),
    )
    chunks = encoded(log.reset(before).think("ok").end_step().end().seen)
    given_up = next(chunk for chunk in chunks if chunk["type"] == "tool-output-error")
    assert given_up["toolCallId"] == "lost"
    check(chunks)


def test_it_shows_a_late_reader_only_what_survived() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.think("Hel").reset(before).think("Bye").end_step().end()
    assert shown(encoded(surviving(log.seen))) == "Bye"


# --- single events ------------------------------------------------------------------------------


def inside(*events: AnyEvent) -> list[Chunk]:
    """What the events of a running step become."""
    log = RunLog().start().emit(StepStarted(step=0, message_id="m0"), *events)
    chunks = encoded(log.end_step().end().seen)
    check(chunks)
    return [c for c in chunks if c["type"] not in {"start", "start-step", "finish-step", "finish"}]


def test_it_encodes_reasoning_without_its_signature() -> None:
    chunks = inside(
        ReasoningStarted(message_id="m0", block_id="b"),
        ReasoningDelta(block_id="b", delta="hm"),
        ReasoningEnded(block_id="b", signature="secret"),
    )
    assert chunks == [
        {"type": "reasoning-start", "id": "b"},
        {"type": "reasoning-delta", "id": "b", "delta": "hm"},
        {"type": "reasoning-end", "id": "b"},
    ]


def test_it_encodes_files_as_data_urls() -> None:
    produced = FileProduced(message_id="m0", block_id="b", media_type="image/png", data="AAAA")
    expected = {"type": "file", "url": "data:image/png;base64,AAAA", "mediaType": "image/png"}
    assert inside(produced) == [expected]


def test_it_encodes_sources() -> None:
    web = SourceCited(message_id="m0", source_id="s", kind="url", url="https://x.example")
    paper = SourceCited(message_id="m0", source_id="d", kind="document", file_name="a.pdf")
    assert inside(web, paper) == [
        {"type": "source-url", "sourceId": "s", "url": "https://x.example"},
        {
            "type": "source-document",
            "sourceId": "d",
            "mediaType": "application/octet-stream",
            "title": "a.pdf",
            "filename": "a.pdf",
        },
    ]


def test_it_encodes_data_of_the_application() -> None:
    kept = DataProduced(name="weather", data=None, data_id="w")
    passing = DataProduced(name="note", data={"a": 1}, transient=True)
    assert inside(kept, passing) == [
        {"type": "data-weather", "data": None, "id": "w"},
        {"type": "data-note", "data": {"a": 1}, "transient": True},
    ]


def test_it_collects_the_parts_of_an_artifact() -> None:
    first = ArtifactUpdated(artifact_id="a", parts=[{"type": "text", "text": "1"}])
    second = ArtifactUpdated(artifact_id="a", parts=[{"type": "text", "text": "2"}], append=True)
    *_, last = inside(first, second)
    assert [part["text"] for part in last["data"]["parts"]] == ["1", "2"]


def test_it_replaces_state_and_activities_by_their_ids() -> None:
    snapshot = StateSnapshot(snapshot={"a": 1})
    activity = ActivitySnapshot(activity_id="x", activity_type="plan", content={"done": 1})
    assert [chunk["id"] for chunk in inside(snapshot, activity)] == ["state", "x"]


def test_it_writes_a_missing_output_as_null() -> None:
    log = RunLog().start().think("", ("c",))
    done = ToolCallFinished(call_id="c", name="rm", outcome="succeeded", result_message_id="x")
    chunks = encoded(log.emit(done).end_step().end().seen)
    assert output("c", None) in chunks


def test_it_tells_unreadable_input_once() -> None:
    chunks = inside(
        ToolCallStarted(call_id="c", name="rm", message_id="m0"),
        ToolCallDelta(call_id="c", delta="{nope"),
        ToolCallReady(
            call_id="c", name="rm", arguments="{nope", message_id="m0", invalid="not JSON"
        ),
        ToolCallFinished(
            call_id="c", name="rm", outcome="failed", result_message_id="x", error="bad"
        ),
    )
    assert [chunk["type"] for chunk in chunks] == [
        "tool-input-start",
        "tool-input-delta",
        "tool-input-error",
    ]


def test_it_asks_a_question_with_a_shape_as_data() -> None:
    asked = Suspension(
        ticket_id="ask_c",
        kind="question",
        action="ask",
        message="How many?",
        response_schema={"type": "integer"},
        pending_id="ask_c",
        pending_name="ask",
    )
    chunks = inside(
        ToolCallStarted(call_id="c", name="rm", message_id="m0"),
        ToolCallReady(call_id="c", name="rm", arguments={}, message_id="m0"),
        ToolCallFinished(
            call_id="c",
            name="rm",
            outcome="suspended",
            result_message_id="x",
            suspension=asked,
        ),
    )
    assert chunks[-1] == {
        "type": "data-question",
        "id": "c",
        "data": {
            "toolCallId": "c",
            "ticketId": "ask_c",
            "message": "How many?",
            "responseSchema": {"type": "integer"},
        },
    }


def test_it_leaves_the_call_of_a_client_tool_to_the_client() -> None:
    asked = Suspension(
        ticket_id="suspend_c", kind="client_tool", action="tool:rm", pending_id="c",
        pending_name="rm",
    )  # fmt: skip
    log = RunLog().start().think("", ("c",))
    log.emit(
        ToolCallFinished(
            call_id="c", name="rm", outcome="suspended", result_message_id="x", suspension=asked
        )
    )
    chunks = encoded(log.suspend("c").seen)
    assert [c["type"] for c in chunks][-3:] == ["tool-input-available", "finish-step", "finish"]


def test_it_sums_the_usage_of_all_steps() -> None:
    assert encoded(answered().seen)[-1] == finish("stop", 2)


@pytest.mark.parametrize(
    ("told", "reason"), [("length", "length"), ("content_filter", "content-filter"), (None, "stop")]
)
def test_it_tells_why_the_model_stopped(told: str | None, reason: str) -> None:
    log = RunLog().start().think("Hi")
    completed = log.seen[-1].event.model_copy(update={"finish_reason": told})
    log.seen[-1] = Record(log.last_seq, 0, completed)
    assert encoded(log.end_step().end().seen)[-1]["finishReason"] == reason


def test_it_ends_the_stream_of_a_run_that_was_deleted() -> None:
    chunks = encoded(RunLog().start().think("Hi").seen)
    assert chunks[-1] == {"type": "error", "errorText": "the run does not exist any more"}
    check(chunks)


def test_it_knows_what_a_client_holds_that_answers() -> None:
    log = waiting()
    suspended = log.last_seq
    assert held_until(log.start("resume").seen, {"c"}) == suspended
    assert held_until(log.seen, {"other"}) == 0


# --- the message of the listing -----------------------------------------------------------------


def listed(records: Iterable[Record]) -> list[dict[str, Any]]:
    message = message_of("r", records)
    assert message is not None
    return list(message["parts"])


def test_it_lists_an_approval_that_can_be_answered() -> None:
    assert listed(waiting().seen)[-1] == {
        "type": "tool-rm",
        "toolCallId": "c",
        "state": "approval-requested",
        "input": {},
        "approval": {"id": "perm_c"},
    }


@pytest.mark.parametrize(
    ("action", "outcome", "expected"),
    [
        ("resume", "succeeded", {"state": "output-available", "output": 1}),
        ("cancel", "cancelled", {"state": "output-denied"}),
    ],
)
def test_it_lists_what_became_of_an_approval(
    action: str, outcome: str, expected: dict[str, Any]
) -> None:
    part = listed(resumed(action, outcome).seen)[2]
    approval = {"id": "perm_c", "approved": action == "resume"}
    assert part == {
        "type": "tool-rm", "toolCallId": "c", "input": {}, "approval": approval, **expected
    }  # fmt: skip


def test_it_lists_a_cancelled_approval_as_an_error_without_approval() -> None:
    log = waiting()
    log.emit(
        ToolCallFinished(call_id="c", name="rm", outcome="cancelled", result_message_id="x"),
        RunFinished(**IDS, termination=Termination(type="cancelled"), steps=0),
    )
    part = listed(log.seen)[2]
    assert part["state"] == "output-error"
    assert "approval" not in part


def test_it_lists_nothing_of_a_run_that_said_nothing() -> None:
    log = RunLog().start().emit(StepStarted(step=0, message_id="m0")).end("cancelled")
    assert message_of("r", log.seen) is None


def test_it_lists_transient_data_nowhere() -> None:
    log = RunLog().start().emit(DataProduced(name="x", data=1, transient=True))
    assert message_of("r", log.end().seen) is None


# --- the check itself ---------------------------------------------------------------------------

GOOD: list[Chunk] = [
    START,
    STEP,
    *text("b", "x"),
    END_STEP,
    {"type": "finish", "finishReason": "stop"},
]
BAD: dict[str, list[Chunk]] = {
    "no start": GOOD[1:],
    "a second start": [START, *GOOD],
    "an empty message id": [{"type": "start", "messageId": ""}, *GOOD[1:]],
    "no text-end": [each for each in GOOD if each["type"] != "text-end"],
    "text outside a step": [START, *text("b", "x"), GOOD[-1]],
    "no end": GOOD[:-1],
    "something after the end": [*GOOD, STEP],
    "a null reason": [*GOOD[:-1], {"type": "finish", "finishReason": None}],
    "output for an unknown call": [START, output("c"), GOOD[-1]],
    "an error without text": [START, {"type": "error"}],
    "a type of version 7": [START, STEP, {"type": "reset-step"}, END_STEP, GOOD[-1]],
    "an extra member": [START, {"type": "start-step", "number": 1}, END_STEP, GOOD[-1]],
    "input that does not add up": [
        START, STEP, call("c")[0], call("c")[1],
        {"type": "tool-input-available", "toolCallId": "c", "toolName": "rm", "input": {"a": 1}},
        END_STEP, GOOD[-1],
    ],
}  # fmt: skip


def test_it_checks_a_good_stream() -> None:
    check(GOOD)


@pytest.mark.parametrize("name", BAD)
def test_it_checks_that_a_broken_stream_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        check(BAD[name])


def test_it_checks_that_output_is_never_left_out() -> None:
    with pytest.raises(Refused):
        check_shape({"type": "tool-output-available", "toolCallId": "c"})


def test_it_announces_a_recovered_run_once() -> None:
    log = RunLog().start()
    log.emit(RunStarted(**IDS, agent_id="a", attempt=2, cause="recover"))
    chunks = encoded(log.think("Hi").end_step().end().seen)
    assert [chunk["type"] for chunk in chunks].count("start") == 1
