"""Answers to waiting calls: by whom, how often, when."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core.errors import BadRequest, Conflict, NotFound
from runs import services
from runs.engine import journal
from runs.models import Job, Run
from runs.services import Decided
from runs.tools import ToolContext
from tests.engine.conftest import Offer
from tests.engine.folding import assert_fold
from tests.engine.lab import MISSING, Held, Lab, call, calls_of, fresh, text, turns

STRANGER = Principal("key", "k", "stranger", frozenset(["run"]), "another")


@pytest.fixture
def executed(engine: Lab, offer: Offer) -> list[str]:
    """What the tool ``erase`` was called with; it needs approval."""
    made: list[str] = []

    def erase(path: str) -> str:
        made.append(path)
        return f"{path} is gone"

    def choose(context: ToolContext) -> str:
        answers = [context.ask("Which?", response_schema={"type": "string"})]
        return ", ".join([*answers, context.ask("And?")])

    offer(erase, needs_approval=True)
    offer(choose)
    engine.agent(turns([call("erase", "c1", path="a")], [text("{{tool_result}}")]))
    return made


def test_it_executes_once_for_twenty_equal_decisions(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    together = threading.Barrier(20)

    def decide(_: int) -> None:
        together.wait()
        try:
            engine.decide(waiting, "perm_c1", payload={"ok": True})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(decide, number) for number in range(20)]
    refused = [each.exception() for each in answers if each.exception()]
    run = engine.end(waiting)
    assert executed == ["a"]
    # Who comes after the end of the run finds no open run.
    assert {str(each) for each in refused} <= {MISSING.message}
    assert_fold(run)


def test_it_refuses_another_decision_than_the_first(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    engine.stop()
    engine.decide(waiting, "c1", payload=1)
    engine.decide(waiting, "perm_c1", payload=1)
    for action, payload in [("resume", 2), ("cancel", 1)]:
        with pytest.raises(Conflict):
            engine.decide(waiting, "c1", action, payload)
    assert Job.objects.filter(run=waiting, state=Job.State.QUEUED).count() == 1
    assert executed == []


def test_it_knows_what_nobody_waits_for(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    with pytest.raises(NotFound, match="no pending tool call: c9"):
        engine.decide(waiting, "c9")
    assert fresh(waiting).status == Run.Status.WAITING


def test_it_knows_nothing_of_a_run_that_is_done(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    engine.decide(waiting, "c1")
    engine.end(waiting)
    with pytest.raises(NotFound, match="nothing here"):
        engine.decide(waiting, "c1")


def test_it_hides_the_run_from_strangers(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask(resource_id="mine")
    with pytest.raises(NotFound, match="nothing here"):
        services.submit_decision(
            principal=STRANGER,
            any_id=waiting.pk,
            decided=Decided(reference="c1", action="resume"),
            missing=MISSING,
        )


def test_it_finds_the_run_by_its_thread(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    decided = Decided(reference="c1", action="resume")
    services.submit_decision(principal=ANONYMOUS, any_id="t", decided=decided, missing=MISSING)
    assert engine.end(waiting).status == "done"


def test_it_refuses_an_answer_that_does_not_fit_and_waits_on(
    executed: list[str], engine: Lab
) -> None:
    engine.agent(turns([call("choose", "c1")], [text("{{tool_result}}")]))
    waiting = engine.ask()
    with pytest.raises(BadRequest):
        engine.decide(waiting, "c1", payload=7)
    engine.decide(waiting, "c1", payload="red")
    assert engine.rest(waiting, after_seq=waiting.last_seq).status == "waiting"


def test_it_takes_no_old_answer_for_a_new_question(executed: list[str], engine: Lab) -> None:
    engine.agent(turns([call("choose", "c1")], [text("{{tool_result}}")]))
    waiting = engine.ask()
    engine.decide(waiting, "ask_c1", payload="red")
    again = engine.rest(waiting, after_seq=waiting.last_seq)
    engine.decide(again, "ask_c1", payload="red")
    assert calls_of(again)[0].status == "suspended"
    with pytest.raises(Conflict):
        engine.decide(again, "ask_c1", payload="blue")
    engine.decide(again, "ask_c1:2", payload="fine")
    assert engine.end(again).final_output == '"red, fine"'


def test_it_buffers_a_decision_that_comes_before_the_suspension(
    executed: list[str], engine: Lab, offer: Offer
) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "ok"

    offer(wait)
    engine.agent(turns([call("erase", "c1", path="a"), call("wait", "c2")], [text("done")]))
    run = engine.submit().run
    held.wait_until_entered()
    engine.decide(run, "c1")
    held.release()
    run = engine.end(run)
    assert executed == ["a"]
    assert run.attempt == 1
    assert set(Job.objects.values_list("state", flat=True)) == {"Accepted"}
    assert_fold(run)


def test_it_does_not_wait_once_it_was_cancelled(
    executed: list[str], engine: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = journal.suspend

    def suspend(commit: journal.Commit) -> bool:
        services.cancel_run(principal=ANONYMOUS, run_id=commit.claim.run.pk)
        return original(commit)

    monkeypatch.setattr(journal, "suspend", suspend)
    run = engine.ask()
    assert (run.status, run.termination_code) == ("done", "cancelled")
    assert_fold(run)


def test_it_records_all_decisions_or_none(executed: list[str], engine: Lab) -> None:
    engine.agent(
        turns([call("erase", "c1", path="a"), call("erase", "c2", path="b")], [text("done")])
    )
    waiting = engine.ask()
    first = Decided(reference="c1", action="resume")
    unknown = Decided(reference="c9", action="resume")
    with pytest.raises(NotFound):
        services.submit_decisions(
            principal=ANONYMOUS, any_id=waiting.pk, decisions=[first, unknown], missing=MISSING
        )
    assert {row.status for row in calls_of(waiting)} == {"suspended"}
    second = Decided(reference="c2", action="cancel")
    services.submit_decisions(
        principal=ANONYMOUS, any_id=waiting.pk, decisions=[first, second], missing=MISSING
    )
    run = engine.end(waiting)
    assert [row.status for row in calls_of(run)] == ["succeeded", "cancelled"]
    assert executed == ["a"]


def test_it_keeps_the_thread_for_the_waiting_run(executed: list[str], engine: Lab) -> None:
    waiting = engine.ask()
    queued = engine.submit("later").run
    assert fresh(queued).status == "created"
    engine.decide(waiting, "c1")
    engine.rest(queued)
    assert fresh(waiting).status == "done"


def test_it_frees_the_thread_when_nobody_answers(
    executed: list[str], engine: Lab, settings: object
) -> None:
    settings.AGENTSERVER_SUSPENSION_SECONDS = 0.1  # type: ignore[attr-defined]
    waiting = engine.ask()
    queued = engine.submit("later").run
    ended = engine.end(waiting)
    assert (ended.termination_code, ended.termination_detail) == (
        "cancelled",
        "nobody answered in time",
    )
    assert engine.rest(queued).turn == 2
    assert_fold(ended)
