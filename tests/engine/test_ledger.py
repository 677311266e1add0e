"""Calls whose worker died: what runs again, what asks, what never does."""

import threading

import pytest
from django.db import OperationalError

from runs.engine import journal
from runs.models import Run, ToolCall
from tests.engine.conftest import Offer
from tests.engine.crashes import crashing, take_away
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    Held,
    Lab,
    call,
    calls_of,
    conversation,
    expire_leases,
    idle,
    text,
    turns,
    wait_for,
)
from threads.models import Thread

PAY = turns([call("pay", "c1", amount=5)], [text("{{tool_result}}")])


@pytest.fixture
def paid(lab: Lab, offer: Offer) -> list[int]:
    """What was paid; the tool must not be run twice by accident."""
    made: list[int] = []

    def pay(amount: int) -> str:
        made.append(amount)
        return f"{amount} paid"

    offer(pay)
    lab.agent(PAY)
    lab.start()
    return made


def lost_after_paying(lab: Lab, patch: pytest.MonkeyPatch) -> Run:
    """A run whose worker died after the tool ran and before its result was stored."""
    with crashing(patch, 2, "before") as crash:
        run = lab.submit().run
        assert crash.happened.wait(10)
        assert lab.host
        wait_for(idle(lab.host))
    expire_leases()
    return lab.rest(run)


def test_it_asks_what_became_of_a_call_that_was_lost(
    paid: list[int], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = lost_after_paying(lab, monkeypatch)
    row = calls_of(waiting)[0]
    assert (waiting.status, row.ticket_id) == ("waiting", "outcome_c1")
    assert row.suspension["kind"] == "unknown_outcome"
    assert paid == [5]
    assert_fold(waiting)


def test_it_runs_a_lost_call_again_when_told_to(
    paid: list[int], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = lost_after_paying(lab, monkeypatch)
    lab.decide(waiting, "c1")
    run = lab.end(waiting)
    assert paid == [5, 5]
    assert (calls_of(run)[0].executions, run.final_output) == (2, '"5 paid"')
    assert_fold(run)


def test_it_takes_the_persons_word_for_a_lost_call(
    paid: list[int], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = lost_after_paying(lab, monkeypatch)
    lab.decide(waiting, "outcome_c1", "cancel", {"paid": True})
    run = lab.end(waiting)
    assert paid == [5]
    assert conversation()[2] == ("tool", '{"paid":true}')
    assert_fold(run)


def test_it_keeps_the_answer_of_a_call_that_was_lost_with_it(
    lab: Lab, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runs.tools import ToolContext

    def choose(context: ToolContext) -> str:
        return str(context.ask("Which?"))

    offer(choose)
    lab.agent(turns([call("choose", "c1")], [text("{{tool_result}}")]))
    lab.start()
    waiting = lab.ask()
    with crashing(monkeypatch, 3, "before") as crash:
        lab.decide(waiting, "ask_c1", payload="red")
        assert crash.happened.wait(10)
        assert lab.host
        wait_for(idle(lab.host))
    expire_leases()
    lost = lab.rest(waiting, after_seq=waiting.last_seq)
    assert calls_of(lost)[0].ticket_id == "outcome_c1"
    lab.decide(lost, "outcome_c1")
    assert lab.end(lost).final_output == '"red"'


def test_it_undoes_a_transactional_tool_whose_result_was_refused(
    lab: Lab, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store() -> str:
        Thread.objects.create(title="stored")
        return "ok"

    original = journal.record_call
    refused: list[int] = []
    first = threading.Event()

    def refuse_once(row: ToolCall, *, attempt: int) -> None:
        if not refused:
            refused.append(1)
            first.set()
            raise OperationalError("the worker dies here")
        original(row, attempt=attempt)

    offer(store, transactional=True)
    monkeypatch.setattr(journal, "record_call", refuse_once)
    lab.agent(turns([call("store", "c1")], [text("done")]))
    lab.start()
    run = lab.submit().run
    assert lab.host
    assert first.wait(10)
    wait_for(idle(lab.host))
    assert not Thread.objects.filter(title="stored").exists()
    expire_leases()
    run = lab.end(run)
    assert Thread.objects.filter(title="stored").count() == 1
    assert calls_of(run)[0].executions == 2
    assert_fold(run)


def test_it_never_runs_a_finished_call_again(
    paid: list[int], lab: Lab, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its result is stored while another call of the step still runs."""
    held, stored = Held(), threading.Event()
    executions: list[None] = []
    original = journal.save

    def wait() -> str:
        executions.append(None)
        if len(executions) == 1:
            held.hold()
        return "waited"

    def save(commit: journal.Commit) -> None:
        original(commit)
        stored.set()

    offer(wait, idempotent=True)
    monkeypatch.setattr(journal, "save", save)
    lab.agent(turns([call("pay", "c1", amount=5), call("wait", "c2")], [text("done")]))
    run = lab.submit().run
    held.wait_until_entered()
    assert stored.wait(10)
    take_away(run)
    run = lab.end(run)
    held.release()
    assert paid == [5]
    assert [row.executions for row in calls_of(run)] == [1, 2]
    assert_fold(run)


def test_it_gives_a_repeated_call_id_a_name_of_its_own(lab: Lab, offer: Offer) -> None:
    def add(a: int) -> int:
        return a + 1

    offer(add)
    lab.agent(turns([call("add", "same", a=1)], [call("add", "same", a=2)], [text("done")]))
    lab.start()
    run = lab.ask()
    first, second = calls_of(run)
    assert first.call_id == "same"
    assert second.call_id.startswith("same_")
    assert [row.result["data"] for row in (first, second)] == [2, 3]
    assert_fold(run)


def test_it_counts_an_error_of_the_engine_as_the_end_of_the_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("runs.engine.loop.tool_phase.plan", broken)
    lab.agent(turns([call("add", "c1")], [text("never")]))
    lab.start()
    run = lab.ask()
    assert run.error_payload == {"message": "internal error: KeyError", "code": "internal"}
    assert_fold(run)
