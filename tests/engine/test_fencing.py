"""A worker that lost its run, and does not know it yet, can write nothing."""

import queue
import threading
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from runs.engine import host
from runs.events import log
from runs.events.types import RunFinished, StepReset, TextDelta, ToolCallFinished
from runs.mailbox import claim as claims
from runs.mailbox import lane as lanes
from runs.mailbox import sweep
from runs.models import Job, Run
from runs.tools import ToolContext
from tests.engine.conftest import Offer
from tests.engine.crashes import take_away
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    PATIENCE,
    Held,
    Lab,
    Pace,
    call,
    calls_of,
    conversation,
    expire_leases,
    fresh,
    idle,
    text,
    turns,
    wait_for,
)
from threads.models import Thread

renew_leases = claims.renew
# Renewals come every tenth of a second, on a lease that no disturbance outlasts.
OFTEN = 100


@pytest.fixture
def held(engine: Lab, offer: Offer) -> Held:
    """The first execution of the tool ``wait`` waits; later ones do not."""
    made = Held()
    executions: list[None] = []

    def wait() -> str:
        executions.append(None)
        if len(executions) > 1:
            return "the new one"
        made.hold()
        return "the lost one"

    offer(wait, idempotent=True)
    return made


def half_said(engine: Lab, pace: Pace) -> Run:
    """A run in the middle of its answer."""
    pace.silent_after(2)
    engine.agent(turns([text("one two three", chunks=12, delay_ms=1)]))
    run = engine.submit().run
    engine.seen(run, TextDelta, times=2)
    return run


def test_it_cannot_record_the_result_of_a_call(held: Held, engine: Lab) -> None:
    engine.agent(turns([call("wait", "c1")], [text("{{tool_result}}")]))
    run = engine.submit().run
    held.wait_until_entered()
    take_away(run)
    assert engine.host
    engine.host.wake()
    run = engine.end(run)
    held.release()
    assert run.final_output == '"the new one"'
    assert conversation()[2:] == [("tool", '"the new one"'), ("assistant", '"the new one"')]
    assert [row.status for row in calls_of(run)] == ["succeeded"]
    engine.stop()
    assert conversation()[2:] == [("tool", '"the new one"'), ("assistant", '"the new one"')]
    assert_fold(run)


def test_it_cannot_write_while_nobody_else_has_taken_over(held: Held, engine: Lab) -> None:
    engine.agent(turns([call("wait", "c1")], [text("{{tool_result}}")]))
    run = engine.submit().run
    held.wait_until_entered()
    Job.objects.filter(run=run).update(max_attempts=1)
    with transaction.atomic():
        lane = lanes.lock_existing("t")
        assert lane
        sweep.give_up_claim(lane, Job.objects.get(run=run), error="lost")
    before = (conversation(), log.read(run.pk), fresh(run).updated_at)
    held.release()
    assert engine.host
    wait_for(idle(engine.host))
    assert (conversation(), log.read(run.pk), fresh(run).updated_at) == before
    assert fresh(run).error_payload == {"message": "lost", "code": "dead_letter"}
    assert_fold(run)


def test_it_cannot_write_before_its_successor_comes(held: Held, engine: Lab) -> None:
    engine.agent(turns([call("wait", "c1")], [text("{{tool_result}}")]))
    run = engine.submit().run
    held.wait_until_entered()
    worker = engine.stop_claiming()
    take_away(run)
    before = (conversation(), log.read(run.pk), fresh(run).updated_at)
    held.release()
    wait_for(idle(worker))
    assert (conversation(), log.read(run.pk), fresh(run).updated_at) == before
    assert [row.status for row in calls_of(run)] == ["running"]


def test_it_cannot_end_a_run_that_was_taken_away(engine: Lab, pace: Pace) -> None:
    run = half_said(engine, pace)
    take_away(run)
    pace.go_on()
    run = engine.end(run)
    assert run.termination_code == "natural"
    assert conversation() == [("user", "hello"), ("assistant", "one two three")]
    kinds = [type(event) for event in engine.events(run)]
    assert kinds.count(RunFinished) == 1
    assert StepReset in kinds
    assert_fold(run)


def test_it_numbers_no_event_twice(engine: Lab, pace: Pace) -> None:
    """The lost attempt may go on publishing for a while: its numbers are never given out again."""
    run = half_said(engine, pace)
    take_away(run)
    pace.go_on()
    run = engine.end(run)
    numbers = [record.seq for record in log.read(run.pk)]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > sweep.SEQ_JUMP


def test_it_rolls_back_a_transactional_tool_of_a_lost_attempt(engine: Lab, offer: Offer) -> None:
    executions: list[str] = []
    executed = threading.Event()

    def store(context: ToolContext) -> str:
        Thread.objects.create(title="stored")
        executions.append(context.run_id)
        if len(executions) == 1:
            # Fenced while it works. This change goes with the transaction as well.
            Run.objects.filter(pk=context.run_id).update(attempt=F("attempt") + 1)
        executed.set()
        return "ok"

    offer(store, transactional=True)
    engine.agent(turns([call("store", "c1")], [text("done")]))
    run = engine.submit().run
    assert engine.host
    assert executed.wait(10)
    wait_for(idle(engine.host))
    assert not Thread.objects.filter(title="stored").exists()
    expire_leases()
    engine.end(run)
    assert Thread.objects.filter(title="stored").count() == 1


def test_it_is_told_by_its_next_renewal(
    engine: Lab, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "late"

    offer(wait)
    engine.stop()
    monkeypatch.setattr(host, "RENEWALS_PER_LEASE", OFTEN)
    engine.start()
    engine.agent(turns([call("wait", "c1")], [text("never")]))
    run = engine.submit().run
    held.wait_until_entered()
    worker = engine.stop_claiming()
    take_away(run)
    wait_for(idle(worker))
    held.release()
    assert not any(isinstance(event, ToolCallFinished) for event in engine.events(run))


def test_it_keeps_a_long_run(engine: Lab, pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each renewal moves the end of the lease, so a run may last as long as it likes."""
    ends: queue.Queue[Any] = queue.Queue()

    def renew(**options: Any) -> Any:
        answer = renew_leases(**options)
        ends.put(Job.objects.get().lease_until)
        return answer

    monkeypatch.setattr(claims, "renew", renew)
    engine.stop()
    monkeypatch.setattr(host, "RENEWALS_PER_LEASE", OFTEN)
    engine.start()
    run = half_said(engine, pace)
    seen = [ends.get(timeout=PATIENCE) for _ in range(3)]
    assert seen == sorted(set(seen))
    pace.go_on()
    assert engine.end(run).attempt == 1
