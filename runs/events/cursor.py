"""Positions as clients hold them: opaque, short, safe in a URL and in a header.

A cursor carries a few digits of a digest of what it belongs to, so that a position of one run is
refused for another instead of being read as a number that means something else there.
"""

import re
from hashlib import blake2b

from agentserver.core.errors import BadRequest, Gone
from runs.events import segments
from runs.events.types import Record, RunStarted, StepReset
from runs.models import Run

_RUN = re.compile(r"(\d{1,18})-([0-9a-f]{8})", re.ASCII)
_THREAD = re.compile(r"(\d{1,18})\.(\d{1,18})-([0-9a-f]{8})", re.ASCII)
_BARE = re.compile(r"\d{1,18}", re.ASCII)


def encode_run(run_id: str, seq: int) -> str:
    return f"{seq}-{_mark('run', run_id)}"


def decode_run(cursor: str, run_id: str) -> int:
    """The seq; a bare number is taken as one. `BadRequest` for anything but a cursor of the run."""
    cursor = cursor.strip()
    if _BARE.fullmatch(cursor):
        return int(cursor)
    match = _RUN.fullmatch(cursor)
    if match is None or match[2] != _mark("run", run_id):
        raise BadRequest("the cursor does not belong to this run", code="foreign_cursor")
    return int(match[1])


def encode_thread(thread_id: str, turn: int, seq: int) -> str:
    return f"{turn}.{seq}-{_mark('thread', thread_id)}"


def decode_thread(cursor: str, thread_id: str) -> tuple[int, int]:
    """(turn, seq). `BadRequest` for the cursor of another thread, of a run, or no cursor."""
    match = _THREAD.fullmatch(cursor.strip())
    if match is None or match[3] != _mark("thread", thread_id):
        raise BadRequest("the cursor does not belong to this thread", code="foreign_cursor")
    return int(match[1]), int(match[2])


def run_position(cursor: str, run: Run) -> int:
    """`decode_run`, and `Gone` when the log cannot be continued from there."""
    seq = decode_run(cursor, run.pk)
    _refuse_stale(run, seq)
    return seq


def thread_position(cursor: str, thread_id: str) -> tuple[int, int]:
    """`decode_thread`, and `Gone` when the thread's log cannot be continued from there."""
    turn, seq = decode_thread(cursor, thread_id)
    if turn == 0:
        return turn, seq
    run = Run.objects.filter(thread_id=thread_id, turn=turn).first()
    if run is None:
        raise _stale()
    _refuse_stale(run, seq)
    return turn, seq


def _refuse_stale(run: Run, seq: int) -> None:
    # A running run is ahead of its log: its viewers hold positions that are not committed yet.
    beyond = seq > max(run.last_seq, run.seq_floor) and run.status != Run.Status.RUNNING
    if beyond or _is_pruned(run, seq):
        raise _stale()


def _is_pruned(run: Run, seq: int) -> bool:
    """Whether records behind `seq` were deleted."""
    if seq >= run.last_seq:
        return False
    first = segments.first_record(run.pk)
    return first is None or (first.seq > seq + 1 and not _opens_log(first))


def _opens_log(record: Record) -> bool:
    """A log that does not begin with seq 1 is whole if its first attempt committed nothing.

    The next attempt begins by voiding all that the lost one has shown.
    """
    match record.event:
        case RunStarted(cause=cause):
            return cause != "resume"
        case StepReset(after_seq=after_seq):
            return after_seq == 0
    return False


def _stale() -> Gone:
    return Gone("the cursor is stale: read the log from its start", code="stale_cursor")


def _mark(kind: str, identifier: str) -> str:
    return blake2b(identifier.encode(), digest_size=4, person=kind.encode()).hexdigest()
