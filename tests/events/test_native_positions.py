"""Where a native stream stands: snapshots, resets, and going on from any frame."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from hypothesis import given, settings

from runs.api.native import NativeEncoder
from runs.api.state import LIFECYCLE, TOOL_CALLS
from runs.events import cursor
from runs.events.types import Record
from tests.events.run_logs import ASIDES, RunLog, run_logs

Payload = dict[str, Any]


def encoded(log: RunLog, *, after_seq: int = 0) -> list[Payload]:
    encoder = NativeEncoder("r", after_seq=after_seq)
    return [payload for record in log.seen for payload in encoder.encode(record)]


def kinds(payloads: Iterable[Payload]) -> list[str]:
    return [payload["event_type"] for payload in payloads]


def only(payloads: Iterable[Payload], kind: str) -> Payload:
    (found,) = [payload for payload in payloads if payload["event_type"] == kind]
    return found


def lifecycle(snapshot: Payload) -> Payload:
    found: Payload = snapshot["snapshot"]["extensions"][LIFECYCLE]
    return found


def calls(snapshot: Payload) -> dict[str, Payload]:
    found: dict[str, Payload] = snapshot["snapshot"]["extensions"][TOOL_CALLS]["calls"]
    return found


# --- snapshots ------------------------------------------------------------------------------------


def test_it_counts_a_step_as_complete_when_its_calls_are() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "succeeded").end_step()
    snapshot = only(encoded(log), "state_snapshot")
    assert lifecycle(snapshot)["step_count"] == 1
    assert calls(snapshot)["c1"]["status"] == "succeeded"
    assert snapshot["snapshot"]["revision"] == log.last_seq


def test_it_does_not_count_a_step_that_waits() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    snapshots = [each for each in encoded(log) if each["event_type"] == "state_snapshot"]
    assert [lifecycle(each)["step_count"] for each in snapshots] == [0, 0]
    assert lifecycle(snapshots[-1])["status"] == "waiting"
    assert lifecycle(snapshots[-1])["status_reason"] == "suspended"
    waiting = calls(snapshots[-1])["c1"]
    assert (waiting["status"], waiting["suspension_id"]) == ("suspended", "perm_c1")


def test_it_forgets_the_calls_of_earlier_steps() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "succeeded").end_step()
    log.think("a").end_step().end()
    assert calls(encoded(log)[-2]) == {}


def test_it_cancels_the_calls_that_a_run_leaves_open() -> None:
    log = RunLog().start().think("", ("c1",)).end("cancelled")
    assert calls(encoded(log)[-2])["c1"]["status"] == "cancelled"


def test_it_keeps_the_decision_with_the_call() -> None:
    log = RunLog().start().think("", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    log.start("resume").decide("c1").finish_call("c1", "succeeded", resumed=True)
    log.end("cancelled")
    decided = calls(encoded(log)[-2])["c1"]
    assert decided["resume_input"] == {"decision_id": "d", "action": "resume", "payload": None}


# --- resets ---------------------------------------------------------------------------------------


def test_it_takes_back_what_was_shown() -> None:
    log = RunLog().start()
    log.think("ab").reset(1)
    assert encoded(log)[-1] == {"event_type": "stream_reset", "reason": "rate_limited"}


def test_it_says_nothing_of_a_reset_before_anything_was_shown() -> None:
    log = RunLog().start()
    log.reset(1)
    assert kinds(encoded(log)) == ["run_start"]


def test_it_takes_back_only_once() -> None:
    log = RunLog().start()
    log.think("ab").reset(1).reset(1)
    assert kinds(encoded(log)).count("stream_reset") == 1


def test_it_forgets_the_calls_of_a_voided_step() -> None:
    log = RunLog().start()
    log.think("", ("lost",)).reset(1).think("a").end_step()
    assert calls(encoded(log)[-2]) == {}


def test_it_drops_the_report_of_a_voided_inference() -> None:
    log = RunLog().start()
    log.think("", ("c1", "c2"))
    log.seen.pop()
    log.reset(1).think("a")
    assert kinds(encoded(log)).count("inference_complete") == 1


# --- frames and positions -------------------------------------------------------------------------


def chunks(log: Iterable[Record], *, after_seq: int = 0) -> list[bytes]:
    encoder = NativeEncoder("r", after_seq=after_seq)
    return [frames for record in log if (frames := encoder.frames(record))]


def position(chunk: bytes) -> int:
    (line,) = [line for line in chunk.splitlines() if line.startswith(b"id: ")]
    return cursor.decode_run(line[4:].decode(), "r")


def payloads_of(chunk: bytes) -> Iterator[Payload]:
    for line in chunk.splitlines():
        if line.startswith(b"data: "):
            yield orjson.loads(line[6:])


def test_it_gives_a_position_to_the_last_frame_of_an_event_only() -> None:
    chunk = chunks(RunLog().start().end().seen)[-1]
    snapshot, finish, rest = chunk.split(b"\n\n")
    assert rest == b""
    assert not snapshot.startswith(b"id: ")
    assert finish.startswith(b"id: 2-")


def test_it_uses_data_and_id_lines_only() -> None:
    log = RunLog().start().think("a", ("c1",)).finish_call("c1", "suspended").suspend("c1")
    lines = [line for chunk in chunks(log.seen) for line in chunk.splitlines() if line]
    assert {line.split(b":")[0] for line in lines} == {b"data", b"id"}


@settings(deadline=None)
@given(run_logs(ASIDES))
def test_it_goes_on_from_any_frame_as_if_never_interrupted(log: RunLog) -> None:
    whole = chunks(log.seen)
    for index, chunk in enumerate(whole):
        assert chunks(log.seen, after_seq=position(chunk)) == whole[index + 1 :]


@settings(deadline=None)
@given(run_logs(ASIDES))
def test_it_goes_on_although_what_was_seen_is_in_no_log(log: RunLog) -> None:
    for seq in [position(chunk) for chunk in chunks(log.seen)]:
        watched = [each for each in log.seen if each.seq <= seq or each.seq not in log.voided]
        expected = [chunk for chunk in chunks(watched) if position(chunk) > seq]
        assert chunks(log.stored, after_seq=seq) == expected


@settings(deadline=None)
@given(run_logs(ASIDES))
def test_it_ends_with_exactly_one_finish_and_no_open_step(log: RunLog) -> None:
    said = [payload for chunk in chunks(log.stored) for payload in payloads_of(chunk)]
    assert said[-1]["event_type"] == "run_finish"
    assert said[0]["event_type"] == "run_start"
    opened = 0
    for kind in kinds(said):
        if kind == "stream_reset":
            opened = 0
        opened += (kind == "step_start") - (kind == "step_end")
        assert opened in {0, 1}
    assert opened == 0


@settings(deadline=None)
@given(run_logs(ASIDES))
def test_it_is_deterministic(log: RunLog) -> None:
    assert chunks(log.seen) == chunks(log.seen)
