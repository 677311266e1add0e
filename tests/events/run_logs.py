"""Logs as the engine writes them, made by hand or drawn by hypothesis."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from runs.events.types import (
    ActivitySnapshot,
    AnyEvent,
    ArtifactUpdated,
    DataProduced,
    InferenceCompleted,
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
    ToolCallDecided,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallProgress,
    ToolCallReady,
    ToolCallStarted,
)

AT = 1_700_000_000_000
IDS = {"thread_id": "t", "run_id": "r"}
ASIDES: tuple[AnyEvent, ...] = (
    ArtifactUpdated(artifact_id="x", parts=[{"type": "text", "text": "1"}], last_chunk=False),
    ArtifactUpdated(artifact_id="x", parts=[{"type": "data", "data": None}], append=True),
    ArtifactUpdated(artifact_id="y", name="Y", parts=[{"type": "text", "text": "2"}]),
    DataProduced(name="d", data={"n": 1}),
    ActivitySnapshot(activity_id="act", activity_type="t", content={"n": 1}),
)


def permission(call_id: str) -> Suspension:
    return Suspension(
        ticket_id=f"perm_{call_id}",
        kind="permission",
        action="tool:PermissionConfirm",
        message="Permission required for tool 'rm'",
        parameters={"path": "/x"},
        pending_id=f"perm_{call_id}",
        pending_name="permission_confirm",
        pending_arguments={"path": "/x"},
    )


class RunLog:
    """Records of one run. `voided` are those that were shown and never stored."""

    def __init__(self) -> None:
        self.seen: list[Record] = []
        self.voided: set[int] = set()
        self._seq = 0
        self.step = 0

    @property
    def stored(self) -> list[Record]:
        return [record for record in self.seen if record.seq not in self.voided]

    def emit(self, *events: AnyEvent) -> "RunLog":
        for event in events:
            self._seq += 1
            self.seen.append(Record(self._seq, AT + self._seq, event))
        return self

    # --- pieces -----------------------------------------------------------------------------------

    def start(self, cause: Any = "start") -> "RunLog":
        return self.emit(RunStarted(**IDS, agent_id="a", attempt=1, cause=cause))

    def think(
        self, text: str = "", calls: tuple[str, ...] = (), beside: Sequence[AnyEvent] = ()
    ) -> "RunLog":
        """One inference that says ``text``, with these events after its first letter, and calls
        the tools with these call ids."""
        message = f"m{self.step}"
        self.emit(StepStarted(step=self.step, message_id=message))
        if text:
            block = f"b{self._seq}"
            self.emit(TextStarted(message_id=message, block_id=block))
            letters = [TextDelta(block_id=block, delta=letter) for letter in text]
            self.emit(*letters[:1], *beside, *letters[1:])
            self.emit(TextEnded(block_id=block))
        for call_id in calls:
            self.emit(ToolCallStarted(call_id=call_id, name="rm", message_id=message))
            self.emit(ToolCallDelta(call_id=call_id, delta="{}"))
        usage = {"prompt_tokens": 1}
        self.emit(InferenceCompleted(message_id=message, model="up", usage=usage, duration_ms=3))
        ready = (
            ToolCallReady(call_id=id_, name="rm", arguments={}, message_id=message) for id_ in calls
        )
        return self.emit(*ready)

    def work(self, call_id: str) -> "RunLog":
        return self.emit(
            ToolCallProgress(call_id=call_id, name="rm", status="running", progress=0.5),
            ToolCallOutput(call_id=call_id, name="rm", delta="out"),
        )

    def finish_call(self, call_id: str, outcome: str, *, resumed: bool = False) -> "RunLog":
        asked = permission(call_id) if outcome == "suspended" else None
        members: dict[str, Any] = {"error": "no"} if outcome == "failed" else {"data": 1}
        return self.emit(
            ToolCallFinished(
                call_id=call_id,
                name="rm",
                outcome=outcome,
                result_message_id=f"tool-{call_id}",
                suspension=asked,
                resumed=resumed,
                **members,
            )
        )

    def end_step(self) -> "RunLog":
        self.emit(StepFinished(step=self.step))
        self.step += 1
        return self

    def suspend(self, *call_ids: str) -> "RunLog":
        self.emit(StepFinished(step=self.step))
        tickets = [permission(call_id) for call_id in call_ids]
        return self.emit(RunSuspended(**IDS, tickets=tickets, reason="permission"))

    def decide(self, call_id: str, action: Any = "resume") -> "RunLog":
        return self.emit(
            ToolCallDecided(
                call_id=call_id, ticket_id=f"perm_{call_id}", decision_id="d", action=action
            )
        )

    def reset(self, after_seq: int, *, lost: bool = False) -> "RunLog":
        """Voids what came after; ``lost``: none of it was ever stored, and numbers jump."""
        if lost:
            self.voided |= {record.seq for record in self.seen if record.seq > after_seq}
            self._seq += 1000
        return self.emit(StepReset(step=self.step, after_seq=after_seq, reason="rate_limited"))

    def end(self, kind: Any = "natural_end", **members: Any) -> "RunLog":
        termination = Termination(type=kind, **members)
        return self.emit(
            RunFinished(**IDS, termination=termination, response="Hi", steps=self.step)
        )

    @property
    def last_seq(self) -> int:
        return self._seq


@st.composite
def run_logs(draw: st.DrawFn, beside: Sequence[AnyEvent] = ()) -> RunLog:
    """Runs of one to three steps with calls, suspensions, retries and crashes, and some of the
    events ``beside`` in the middle of their texts."""
    log = RunLog().start()
    for number in range(draw(st.integers(1, 3))):
        for _ in range(draw(st.integers(0, 2))):
            _fail(draw, log)
        calls = tuple(f"c{number}{each}" for each in range(draw(st.integers(0, 2))))
        asides = draw(st.lists(st.sampled_from(beside))) if beside else ()
        log.think(draw(st.text("ab", max_size=2)), calls, asides)
        _run_calls(draw, log, calls)
    kind = draw(st.sampled_from(["natural_end", "cancelled", "error"]))
    return log.end(kind)


def _fail(draw: st.DrawFn, log: RunLog) -> None:
    """An attempt of the step that was given up in the middle."""
    committed = log.last_seq
    before = len(log.seen)
    log.think(draw(st.text("xy", max_size=2)), draw(st.sampled_from([(), ("lost",)])))
    kept = draw(st.integers(0, len(log.seen) - before))
    del log.seen[before + kept :]
    log.reset(committed, lost=draw(st.booleans()))


def _run_calls(draw: st.DrawFn, log: RunLog, calls: tuple[str, ...]) -> None:
    waiting = []
    for call_id in calls:
        outcome = draw(st.sampled_from(["succeeded", "failed", "suspended"]))
        log.work(call_id).finish_call(call_id, outcome)
        waiting += [call_id] if outcome == "suspended" else []
    if not waiting:
        log.end_step()
        return
    log.suspend(*waiting).start("resume")
    for call_id in waiting:
        log.decide(call_id).finish_call(
            call_id, draw(st.sampled_from(["succeeded", "cancelled"])), resumed=True
        )
    log.step += 1
