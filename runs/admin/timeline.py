"""A run as a line of steps: what the model said, which tools it called, what that took and cost.

Pure: from stored records to what the template shows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agentserver.core.admin.cells import money, span
from threads.admin.conversation import pretty, shortened

Event = dict[str, Any]


@dataclass
class Call:
    """One tool call. `status` is that of its last outcome, ``running`` before there is one."""

    call_id: str
    name: str
    client_side: bool = False
    arguments: str = ""
    status: str = "running"
    result: str = ""
    error: str = ""
    output: str = ""
    progress: str = ""
    child_run_id: str = ""
    decisions: list[str] = field(default_factory=list)
    denied: bool = False
    began: int = 0
    ended: int = 0

    @property
    def duration(self) -> str:
        return span((self.ended - self.began) / 1000) if self.ended and self.began else ""


@dataclass
class Step:
    """One inference with its tool calls; times are Unix milliseconds."""

    number: int
    began: int
    ended: int = 0
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    inference_ms: int = 0
    cost: str = ""
    finish_reason: str = ""
    text: str = ""
    reasoning: str = ""
    notes: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    # Where the step stands in the run, in percent of the time so far.
    left: float = 0
    width: float = 100

    @property
    def is_step(self) -> bool:
        return True

    @property
    def duration(self) -> str:
        return span((self.ended - self.began) / 1000) if self.ended else ""

    @property
    def inference(self) -> str:
        return span(self.inference_ms / 1000) if self.inference_ms else ""


@dataclass
class Mark:
    """Something between the steps: a start, a wait, a fault, the end."""

    kind: str
    text: str
    at: int
    is_step: bool = False

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.at / 1000, UTC)


@dataclass
class Timeline:
    """`entries` are steps and marks in order; `log` are all events but deltas, for the last tab."""

    entries: list[Step | Mark] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    hidden: int = 0

    @property
    def steps(self) -> list[Step]:
        return [entry for entry in self.entries if isinstance(entry, Step)]


MOST_LOGGED = 300


def timeline_of(events: Iterable[Event]) -> Timeline:
    builder = _Builder()
    for event in events:
        builder.apply(event)
    return builder.finished()


class _Builder:
    def __init__(self) -> None:
        self._line = Timeline()
        self._step: Step | None = None
        self._calls: dict[str, Call] = {}
        self._blocks: dict[str, tuple[Step, str]] = {}
        self._last = 0

    def apply(self, event: Event) -> None:
        kind = event["type"]
        self._last = event["at"]
        handler = _HANDLERS.get(kind)
        if handler:
            handler(self, event)
        self._note(event)

    def finished(self) -> Timeline:
        self._measure()
        return self._line

    # --- steps ----------------------------------------------------------------------------------

    def step_started(self, event: Event) -> None:
        if self._step is None or self._step.number != event["step"]:
            self._step = Step(number=event["step"], began=event["at"])
            self._line.entries.append(self._step)

    def step_finished(self, event: Event) -> None:
        if self._step:
            self._step.ended = event["at"]

    def inference_completed(self, event: Event) -> None:
        step = self._current(event)
        usage = event.get("usage", {})
        step.model = event["model"]
        step.prompt_tokens += usage.get("prompt_tokens", 0)
        step.completion_tokens += usage.get("completion_tokens", 0)
        step.inference_ms += event["duration_ms"]
        step.finish_reason = event.get("finish_reason") or ""
        step.cost = money(Decimal(event["cost_usd"])) if event.get("cost_usd") else ""

    def text_started(self, event: Event) -> None:
        self._blocks[event["block_id"]] = (self._current(event), "text")

    def reasoning_started(self, event: Event) -> None:
        self._blocks[event["block_id"]] = (self._current(event), "reasoning")

    def delta(self, event: Event) -> None:
        step, name = self._blocks.get(event["block_id"], (self._current(event), "text"))
        setattr(step, name, getattr(step, name) + event["delta"])

    def produced(self, event: Event) -> None:
        what = event.get("name") or event.get("title") or event.get("media_type") or ""
        url = event.get("url") or ""
        kind = event["type"].replace("_", " ")
        self._current(event).notes.append(f"{kind}: {what} {url}".strip())

    # --- tool calls -----------------------------------------------------------------------------

    def call_started(self, event: Event) -> None:
        self._call(event).client_side = bool(event.get("client_side"))

    def call_ready(self, event: Event) -> None:
        call = self._call(event)
        call.arguments = pretty(event.get("arguments"))
        call.error = event.get("invalid") or ""
        call.began = event["at"]

    def call_progress(self, event: Event) -> None:
        call = self._call(event)
        call.progress = event.get("message") or event["status"]
        call.child_run_id = event.get("child_run_id") or call.child_run_id

    def call_output(self, event: Event) -> None:
        call = self._call(event)
        call.output = shortened(call.output + event["delta"])

    def call_decided(self, event: Event) -> None:
        call = self._call(event)
        approved = "approved" if event["action"] == "resume" else "denied"
        answer = "" if event.get("payload") is None else f": {pretty(event['payload'])}"
        call.decisions.append(f"{approved}{answer}")
        call.status = "running"
        call.began = event["at"]

    def call_finished(self, event: Event) -> None:
        call = self._call(event)
        call.status, call.denied = event["outcome"], bool(event.get("denied"))
        call.error = event.get("error") or ""
        call.child_run_id = event.get("metadata", {}).get("child_run_id") or call.child_run_id
        call.ended = 0 if call.status == "suspended" else event["at"]
        if call.status == "succeeded":
            text = event.get("message")
            call.result = pretty(event.get("data") if text is None else text)

    # --- between the steps ----------------------------------------------------------------------

    def run_started(self, event: Event) -> None:
        words = {"start": "Started", "resume": "Resumed", "recover": "Recovered"}
        text = f"{words[event.get('cause', 'start')]}, attempt {event['attempt']}"
        self._mark("start", text, event)

    def input_accepted(self, event: Event) -> None:
        self._mark("start", f"Took up {len(event['message_ids'])} new message(s)", event)

    def suspended(self, event: Event) -> None:
        self._mark("wait", f"Waiting: {event['reason'].replace('_', ' ')}", event)

    def reset(self, event: Event) -> None:
        self._step = None
        self._mark("fault", f"Step {event['step']} starts again: {event['reason']}", event)

    def reported(self, event: Event) -> None:
        self._mark("fault", event["message"], event)

    def run_finished(self, event: Event) -> None:
        end = event["termination"]
        words = [end["type"].replace("_", " "), end.get("code"), end.get("detail")]
        kind = "end" if end["type"] in {"natural_end", "behavior_requested"} else "fault"
        self._mark(kind, "Finished: " + ", ".join(filter(None, words)), event)

    # --- inside ---------------------------------------------------------------------------------

    def _mark(self, kind: str, text: str, event: Event) -> None:
        self._line.entries.append(Mark(kind=kind, text=shortened(text), at=event["at"]))

    def _current(self, event: Event) -> Step:
        if self._step is None:
            self.step_started({"step": 0, **event})
        assert self._step is not None  # noqa: S101 - made in the line above
        return self._step

    def _call(self, event: Event) -> Call:
        found = self._calls.get(event["call_id"])
        if found is None:
            found = Call(call_id=event["call_id"], name=event.get("name", ""), began=event["at"])
            self._calls[found.call_id] = found
            self._current(event).calls.append(found)
        return found

    def _note(self, event: Event) -> None:
        if event["type"].endswith("_delta"):
            self._line.hidden += 1
        elif len(self._line.log) < MOST_LOGGED:
            rest = {name: value for name, value in event.items() if name not in _SHOWN_APART}
            at = datetime.fromtimestamp(event["at"] / 1000, UTC)
            shown = {"seq": event["seq"], "at": at, "type": event["type"]}
            self._line.log.append({**shown, "body": pretty(rest)})
        else:
            self._line.hidden += 1

    def _measure(self) -> None:
        steps = self._line.steps
        if not steps:
            return
        first = steps[0].began
        whole = max(self._last - first, 1)
        for step in steps:
            ended = step.ended or self._last
            step.left = round(100 * (step.began - first) / whole, 1)
            step.width = max(round(100 * (ended - step.began) / whole, 1), 0.5)


_SHOWN_APART = frozenset({"seq", "at", "type"})
_HANDLERS: dict[str, Callable[[_Builder, Event], None]] = {
    "run_started": _Builder.run_started,
    "input_accepted": _Builder.input_accepted,
    "run_suspended": _Builder.suspended,
    "run_finished": _Builder.run_finished,
    "step_started": _Builder.step_started,
    "step_finished": _Builder.step_finished,
    "step_reset": _Builder.reset,
    "inference_completed": _Builder.inference_completed,
    "text_started": _Builder.text_started,
    "text_delta": _Builder.delta,
    "reasoning_started": _Builder.reasoning_started,
    "reasoning_delta": _Builder.delta,
    "file_produced": _Builder.produced,
    "source_cited": _Builder.produced,
    "data_produced": _Builder.produced,
    "artifact_updated": _Builder.produced,
    "tool_call_started": _Builder.call_started,
    "tool_call_ready": _Builder.call_ready,
    "tool_call_progress": _Builder.call_progress,
    "tool_call_output": _Builder.call_output,
    "tool_call_decided": _Builder.call_decided,
    "tool_call_finished": _Builder.call_finished,
    "error_reported": _Builder.reported,
}
