"""Recorded runs and the A2A stream they become."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentserver_a2a.encode import Encoder
from runs.events.types import (
    AnyEvent,
    ArtifactUpdated,
    FileProduced,
    Record,
    RunSuspended,
    StepReset,
    StepStarted,
    Suspension,
    TextDelta,
    TextStarted,
    ToolCallProgress,
)
from tests.events.folding import fold
from tests.events.run_logs import AT, IDS, RunLog, run_logs
from tests.faces.a2a_oracle import EVENT, judge
from tests.faces.a2a_reader import Reader, by_id

Json = dict[str, Any]
STATUS = {"taskId": "r", "contextId": "t"}


def encoded(records: Iterable[Record], encoder: Encoder | None = None) -> list[Json]:
    encoder = encoder or Encoder("r", "t")
    return [update for record in records for update in encoder.encode(record)]


def chunks(updates: Iterable[Json]) -> list[tuple[str, bool, bool]]:
    """The text, append and lastChunk of each artifactUpdate."""
    return [
        (
            "".join(part.get("text", "?") for part in each["artifact"]["parts"]),
            each.get("append", False),
            each.get("lastChunk", False),
        )
        for update in updates
        if (each := update.get("artifactUpdate"))
    ]


def states(updates: Iterable[Json]) -> list[str]:
    found = [update["statusUpdate"]["status"] for update in updates if "statusUpdate" in update]
    return [each["state"].removeprefix("TASK_STATE_") for each in found]


def last_status(updates: list[Json]) -> Json:
    status: Json = updates[-1]["statusUpdate"]["status"]
    return status


def published(log: RunLog, artifact_id: str, text: str, **members: Any) -> RunLog:
    part = {"type": "text", "text": text}
    return log.emit(ArtifactUpdated(artifact_id=artifact_id, parts=[part], **members))


# --- one by one -----------------------------------------------------------------------------------
def test_it_holds_each_chunk_until_it_knows_the_last() -> None:
    updates = encoded(RunLog().start().think("abc").end_step().end().seen)
    assert chunks(updates) == [("a", False, False), ("b", True, False), ("c", True, True)]
    assert states(updates) == ["WORKING", "COMPLETED"]
    assert "statusUpdate" in updates[-1]


def test_it_sends_a_delta_with_the_next_one() -> None:
    log = RunLog().start()
    log.emit(StepStarted(step=0, message_id="m"), TextStarted(message_id="m", block_id="b"))
    encoder = Encoder("r", "t")
    encoded(log.seen, encoder)
    assert encoder.encode(Record(10, AT, TextDelta(block_id="b", delta="one"))) == []
    update = encoder.encode(Record(11, AT, TextDelta(block_id="b", delta="two")))
    artifact = {"artifactId": "response", "name": "response", "parts": [{"text": "one"}]}
    assert update == [{"artifactUpdate": {**STATUS, "artifact": artifact}}]


def test_it_flushes_before_a_tool_call_without_calling_it_the_last() -> None:
    log = RunLog().start().think("ab", ("c1",))
    assert chunks(encoded(log.seen)) == [("a", False, False), ("b", True, False)]


def test_it_replaces_the_text_of_an_earlier_step() -> None:
    log = RunLog().start().think("old", ("c1",)).finish_call("c1", "succeeded").end_step()
    reader = Reader().read(encoded(log.think("new").end_step().end().seen))
    assert reader.text() == "new"
    assert reader.last_chunks == ["response"]


def test_it_repeats_an_answer_whose_end_it_did_not_see_coming() -> None:
    log = RunLog().start().think("only", ("c1",)).finish_call("c1", "succeeded").end_step()
    updates = encoded(log.think("", ("c2",)).finish_call("c2", "succeeded").end_step().end().seen)
    assert chunks(updates)[-1] == ("only", False, True)
    assert Reader().read(updates).text() == "only"


def test_it_begins_anew_after_a_reset() -> None:
    log = RunLog().start()
    before = log.last_seq
    log.think("wrong").reset(before).think("right").end_step().end()
    updates = encoded(log.seen)
    assert ("r", False, False) in chunks(updates)
    assert Reader().read(updates).text() == "right"


def test_it_gives_back_what_a_reset_left() -> None:
    log = RunLog().start().think("kept", ("c1",)).finish_call("c1", "succeeded").end_step()
    before = log.last_seq
    log.think("lost").reset(before).think("").end_step().end()
    assert Reader().read(encoded(log.seen)).text() == "kept"


def test_it_sends_files_of_the_answer() -> None:
    log = RunLog().start().think("ab")
    data = {"media_type": "text/plain", "data": "aGk=", "name": "a.txt"}
    log.emit(FileProduced(message_id="m0", block_id="f", **data)).end_step().end()
    file = {"raw": "aGk=", "filename": "a.txt", "mediaType": "text/plain"}
    reader = Reader().read(encoded(log.seen))
    assert reader.stored() == {"response": [{"text": "ab"}, file]}


def test_it_sends_published_artifacts_as_they_come() -> None:
    log = published(RunLog().start(), "x", "one", last_chunk=False, name="X")
    published(log, "x", "two", append=True)
    first, second = encoded(log.seen)[-2:]
    assert first["artifactUpdate"]["artifact"] == {
        "artifactId": "x",
        "name": "X",
        "parts": [{"text": "one"}],
    }
    assert "lastChunk" not in first["artifactUpdate"]
    assert (second["artifactUpdate"]["append"], second["artifactUpdate"]["lastChunk"]) == (
        True,
        True,
    )


def test_it_lists_published_artifacts_before_the_answer() -> None:
    log = published(RunLog().start().think("hi"), "x", "one")
    encoder = Encoder("r", "t")
    encoded(log.seen, encoder)
    assert [each["artifactId"] for each in encoder.artifacts()] == ["x", "response"]


def test_it_keeps_the_name_of_the_answer_to_itself() -> None:
    log = published(RunLog().start().think("hi"), "response", "one").end_step().end()
    reader = Reader().read(encoded(log.seen))
    assert reader.stored() == {
        "response": [{"text": "hi"}],
        "published-response": [{"text": "one"}],
    }


def test_it_sends_only_complete_artifacts_when_asked_to() -> None:
    log = published(RunLog().start(), "x", "one", last_chunk=False)
    published(log.think("ab"), "x", "two", append=True).end_step().end()
    updates = encoded(log.seen, Encoder("r", "t", whole=True))
    assert chunks(updates) == [("onetwo", False, True), ("ab", False, True)]


# --- status ---------------------------------------------------------------------------------------
def test_it_says_the_last_words_with_the_end() -> None:
    status = last_status(encoded(RunLog().start().think("bye").end_step().end().seen))
    assert status["message"] == {
        "messageId": "m0",
        **STATUS,
        "role": "ROLE_AGENT",
        "parts": [{"text": "bye"}],
    }
    assert status["timestamp"].endswith("Z")
    assert len(status["timestamp"]) == len("2026-01-02T03:04:05.678Z")


def test_it_says_why_a_task_failed() -> None:
    status = last_status(encoded(RunLog().start().think("half").end("error", detail="boom").seen))
    assert status["state"] == "TASK_STATE_FAILED"
    assert status["message"]["parts"] == [{"text": "boom"}]


@pytest.mark.parametrize(
    ("termination", "state"),
    [
        ("natural_end", "COMPLETED"),
        ("behavior_requested", "COMPLETED"),
        ("stopped", "COMPLETED"),
        ("cancelled", "CANCELED"),
        ("blocked", "REJECTED"),
        ("error", "FAILED"),
    ],
)
def test_it_names_every_end(termination: str, state: str) -> None:
    assert states(encoded(RunLog().start().end(termination).seen)) == ["WORKING", state]


def test_it_asks_for_leave_with_the_call_and_its_input() -> None:
    log = RunLog().start().think("May I?", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    status = last_status(encoded(log.seen))
    assert status["state"] == "TASK_STATE_AUTH_REQUIRED"
    assert status["message"]["messageId"] == "perm_c1"
    call = {"toolCallId": "c1", "toolName": "rm", "input": {"path": "/x"}, "kind": "permission"}
    assert status["message"]["parts"] == [
        {"text": "May I?"},
        {"text": "Permission required for tool 'rm'"},
        {"data": call},
    ]


def test_it_asks_for_input_where_no_leave_is_needed() -> None:
    ticket = Suspension(
        ticket_id="ask_c1", kind="question", action="a", pending_id="c1", pending_name="ask"
    )
    log = RunLog().start().emit(RunSuspended(**IDS, tickets=[ticket], reason="question"))
    assert states(encoded(log.seen)) == ["WORKING", "INPUT_REQUIRED"]


def test_it_works_again_after_an_answer() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    log.start("resume").finish_call("c1", "succeeded", resumed=True).end_step()
    assert states(encoded(log.seen)) == ["WORKING", "AUTH_REQUIRED", "WORKING"]


def test_it_reports_progress_in_the_status() -> None:
    progress = ToolCallProgress(call_id="c", name="t", status="running", message="half way")
    status = last_status(encoded(RunLog().start().emit(progress).seen))
    assert status["state"] == "TASK_STATE_WORKING"
    assert status["message"]["parts"] == [{"text": "half way"}]


def test_it_does_not_tell_twice_that_it_works() -> None:
    log = RunLog().start().emit(StepReset(step=0, after_seq=1, reason="x")).start("recover")
    assert states(encoded(log.seen)) == ["WORKING"]


# --- any run --------------------------------------------------------------------------------------
def _with_artifacts(draw: st.DrawFn, records: list[Record]) -> list[Record]:
    """The log with pieces of artifacts between its events (numbers doubled to make room)."""
    found = []
    for record in records:
        event: AnyEvent = record.event
        if isinstance(event, StepReset):
            event = event.model_copy(update={"after_seq": event.after_seq * 2 + 1})
        found.append(Record(record.seq * 2, record.at, event))
        if record is not records[-1] and draw(st.integers(0, 5)) == 0:
            piece = ArtifactUpdated(
                artifact_id=draw(st.sampled_from("pq")),
                parts=[{"type": "text", "text": draw(st.sampled_from("uvw"))}],
                append=draw(st.booleans()),
                last_chunk=draw(st.booleans()),
            )
            found.append(Record(record.seq * 2 + 1, record.at, piece))
    return found


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    return _with_artifacts(draw, draw(run_logs()).seen)


@settings(max_examples=300, deadline=None)
@given(records=logs(), data=st.data())
def test_it_continues_any_snapshot_to_what_is_stored(records: list[Record], data: Any) -> None:
    stored = Encoder("r", "t", whole=True)
    encoded(records, stored)
    cut = data.draw(st.integers(0, len(records) - 1))
    encoder = Encoder("r", "t")
    encoded(records[:cut], encoder)
    status = encoder.status()
    task = {"id": "r", "contextId": "t", "status": status, "artifacts": encoder.artifacts()}
    encoder.shown(status)
    reader = Reader().read([{"task": task}]).read(encoded(records[cut:], encoder))
    assert reader.is_over()
    assert {key: parts for key, parts in reader.stored().items() if key in _ids(stored)} == by_id(
        stored.artifacts()
    )
    assert encoder.artifacts() == stored.artifacts()


def _ids(encoder: Encoder) -> set[str]:
    """Without artifacts that a reset took away: the protocol has no word for that."""
    return {each["artifactId"] for each in encoder.artifacts()}


@settings(max_examples=300, deadline=None)
@given(log=run_logs())
def test_it_closes_the_answer_exactly_once_with_its_final_chunk(log: RunLog) -> None:
    updates = encoded(log.seen)
    for update in updates:
        judge(EVENT, update)
    reader = Reader().read(updates)
    finals = [last for _, _, last in chunks(updates)]
    encoder = Encoder("r", "t")
    encoded(log.seen, encoder)
    has_answer = bool(encoder.artifacts())
    assert reader.last_chunks == ["response"] * has_answer
    assert finals == [False] * (len(finals) - 1) + [True] if has_answer else not any(finals)


@settings(max_examples=200, deadline=None)
@given(log=run_logs())
def test_it_answers_with_the_last_message_that_says_something(log: RunLog) -> None:
    _, messages = fold(log.stored)
    texts = [
        "".join(block["text"] for block in message["content"])
        for message in messages
        if message["role"] == "assistant"
    ]
    encoder = Encoder("r", "t", whole=True)
    encoded(log.stored, encoder)
    said = "".join(part["text"] for each in encoder.artifacts() for part in each["parts"])
    assert said == next((text for text in reversed(texts) if text), "")


@settings(max_examples=100, deadline=None)
@given(records=logs())
def test_it_sends_whole_artifacts_that_are_those_stored(records: list[Record]) -> None:
    encoder = Encoder("r", "t", whole=True)
    reader = Reader().read(encoded(records, encoder))
    known = _ids(encoder)
    found = {key: parts for key, parts in reader.stored().items() if key in known}
    assert found == by_id(encoder.artifacts())
