"""When a run has had enough: max_rounds and the agent's stop conditions, between steps."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentserver.core.exact_json import dumps
from config.specs.agent import (
    AgentSpec,
    StopAfterErrors,
    StopAfterRounds,
    StopAfterSeconds,
    StopAfterTokens,
    StopCondition,
    StopOnContent,
    StopOnLoop,
    StopOnTool,
)
from runs.engine.conversation import Entry
from runs.engine.journal import Totals
from runs.events.types import Termination
from runs.mailbox.ledger import FAILED
from runs.models import ToolCall


def stopped(code: str, detail: str) -> Termination:
    return Termination(type="stopped", code=code, detail=detail)


@dataclass
class Limits:
    """Counts what the conditions need. `began`: monotonic seconds at the attempt's start."""

    agent: AgentSpec
    began: float = field(default_factory=time.monotonic)
    errors_in_a_row: int = 0
    recent_calls: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    used_tools: set[str] = field(default_factory=set)
    last_text: str = ""

    def saw_answer(self, text: str) -> None:
        self.last_text = text

    def saw_calls(self, calls: list[ToolCall]) -> None:
        for call in calls:
            self._count(call.name, call.arguments, failed=call.status == ToolCall.Status.FAILED)

    def _count(self, name: str, arguments: Any, *, failed: bool) -> None:
        self.errors_in_a_row = self.errors_in_a_row + 1 if failed else 0
        self.recent_calls.append(f"{name} {dumps(arguments)}")
        self.used_tools.add(name)

    def recall(self, entries: Iterable[Entry], *, turn: int, steps: int) -> None:
        """Counts again what the ``steps`` did that earlier attempts of the run completed."""
        mine = [each for each in entries if each.turn == turn and _is_before(each, steps)]
        failed = {entry.tool_call_id for entry in mine if entry.metadata.get(FAILED)}
        ended = {each.tool_call_id for each in mine if each.role == "tool"}
        for entry in mine:
            if entry.role == "assistant":
                self.saw_answer(entry.text)
            for call in entry.tool_calls:
                if call["id"] in ended:
                    self._count(call["name"], call["arguments"], failed=call["id"] in failed)

    def before_step(self, totals: Totals) -> Termination | None:
        """The reason not to start another inference, if there is one."""
        rounds = self.agent.max_rounds
        if rounds and totals.steps >= rounds:
            return stopped("max_rounds", f"the run made {rounds} rounds")
        reasons = (self._reason(condition, totals) for condition in self.agent.stop_conditions)
        return next((reason for reason in reasons if reason), None)

    def after_answer(self) -> Termination | None:
        """A condition the answer itself fulfils; it ends a run that would otherwise go on."""
        for condition in self.agent.stop_conditions:
            if isinstance(condition, StopOnContent) and condition.pattern in self.last_text:
                return stopped("content_match", condition.pattern)
        return None

    def _reason(self, condition: StopCondition, totals: Totals) -> Termination | None:
        match condition:
            case StopAfterRounds(rounds=rounds) if totals.steps >= rounds:
                return stopped("max_rounds", f"the run made {rounds} rounds")
            case StopAfterSeconds(seconds=seconds) if time.monotonic() - self.began > seconds:
                return stopped("timeout", f"the run took more than {seconds} s")
            case StopAfterTokens(max_total=most) if totals.usage.get("total_tokens", 0) >= most:
                return stopped("token_budget", f"the run used its {most} tokens")
            case StopAfterErrors(max=most) if self.errors_in_a_row >= most:
                return stopped("consecutive_errors", f"{most} tool calls in a row failed")
            case StopOnTool(tool_name=name) if name in self.used_tools:
                return stopped("stop_on_tool", name)
            case StopOnLoop(window=window) if self._loops(window):
                return stopped("loop_detection", f"the same call {window} times in a row")
            case _:
                return None

    def _loops(self, window: int) -> bool:
        last = list(self.recent_calls)[-window:]
        return len(last) == window and len(set(last)) == 1


def _is_before(entry: Entry, step: int) -> bool:
    return entry.step is not None and entry.step < step
