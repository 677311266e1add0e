"""A worker may die at any write: the next one ends the run with exactly one copy of everything."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connections

from runs.models import Job, Run, ToolCall
from runs.tools import ToolContext
from tests.engine.conftest import Offer
from tests.engine.crashes import When, crashing
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    Lab,
    Script,
    call,
    calls_of,
    conversation,
    expire_leases,
    text,
    turns,
)
from threads.models import Thread

MOST_WRITES = 40


@dataclass
class Scenario:
    script: Script
    decide: Callable[[Lab, Run], None] | None = None
    members: dict[str, Any] = field(default_factory=dict)


def approve(lab: Lab, run: Run) -> None:
    for waiting in ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED):
        lab.decide(run, waiting.ticket_id, payload="blue")


SCENARIOS = {
    "text": Scenario(turns([text("Hi there", chunks=3)])),
    "two steps of tools": Scenario(
        turns(
            [call("count", "c1", what="a"), call("count", "c2", what="b")],
            [text("more"), call("count", "c3", what="c")],
            [text("done")],
        )
    ),
    "approvals": Scenario(
        turns([call("careful", "c1", what="a"), call("careful", "c2", what="b")], [text("done")]),
        decide=approve,
    ),
    "a question": Scenario(turns([call("choose", "c1")], [text("done")]), decide=approve),
    "shared state": Scenario(turns([call("rename", "c1", title="Rome")], [text("done")])),
    "a transactional tool": Scenario(
        turns([call("store", "c1", name="x"), call("count", "c2", what="a")], [text("done")])
    ),
    "a transient error": Scenario(
        turns([text("Hm"), {"error": {"status": 503, "times": 1}}, text("again")])
    ),
}


@pytest.fixture
def counted(lab: Lab, offer: Offer) -> Counter[str]:
    """Executions by argument. Every tool may run again after a crash that hid its outcome."""
    executions: Counter[str] = Counter()

    def count(what: str) -> str:
        executions[what] += 1
        return f"{what} counted"

    def choose(context: ToolContext) -> str:
        return f"you said {context.ask('Which colour?')}"

    def rename(context: ToolContext, title: str) -> str:
        context.set_state({"title": title})
        context.output("renamed")
        return "ok"

    def store(name: str) -> str:
        Thread.objects.create(title=name)
        return "stored"

    offer(count, idempotent=True)
    offer(count, name="careful", idempotent=True, needs_approval=True)
    offer(choose, idempotent=True)
    offer(rename, idempotent=True)
    offer(store, transactional=True)
    lab.start()
    return executions


def finish(lab: Lab, scenario: Scenario, run: Run) -> Run:
    """Lets the run come to its end, answering what it asks."""
    run = lab.rest(run)
    while run.status == Run.Status.WAITING:
        assert scenario.decide
        scenario.decide(lab, run)
        run = lab.rest(run, after_seq=run.last_seq)
    return run


def story(run: Run) -> list[Any]:
    """What must be the same with and without a crash."""
    statuses = [(row.call_id, row.status, row.result) for row in calls_of(run)]
    thread = run.thread
    return [
        conversation(run.thread_id),
        statuses,
        (run.status, run.termination_code, run.final_output, run.steps, run.usage),
        thread.state,
        set(Job.objects.filter(run=run).values_list("state", flat=True)),
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_it_survives_a_crash_at_every_write(
    name: str, when: When, lab: Lab, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = SCENARIOS[name]
    lab.agent(scenario.script)
    expected = story(finish(lab, scenario, lab.submit(thread_id="calm").run))
    seen: list[str] = []
    for number in range(1, MOST_WRITES):
        with crashing(monkeypatch, number, when) as crash:
            run = lab.submit(thread_id=f"t{number}").run
            watcher = Successor(crash.happened, run)
            run = finish(lab, scenario, run)
            crash.happened.set()
            watcher.join()
        if not crash.write:
            break
        seen.append(crash.write)
        assert story(run) == expected, (number, crash.write)
        executions = {row.call_id: row.executions for row in calls_of(run)}
        assert executions | watcher.finished == executions, (number, crash.write)
        assert_fold(run)
    assert len(seen) >= 1
    assert number < MOST_WRITES - 1
    if name == "a transactional tool":
        assert Thread.objects.filter(title="x").count() == len(seen) + 2


class Successor(threading.Thread):
    """Takes the run from the dead worker at once, and notes the executions of finished calls."""

    def __init__(self, happened: threading.Event, run: Run) -> None:
        super().__init__()
        self._happened = happened
        self._run_id = run.pk
        self.finished: dict[str, int] = {}
        self.start()

    def run(self) -> None:
        self._happened.wait()
        rows = ToolCall.objects.filter(run_id=self._run_id, status__in=ToolCall.FINAL)
        self.finished = dict(rows.values_list("call_id", "executions"))
        expire_leases()
        connections.close_all()
