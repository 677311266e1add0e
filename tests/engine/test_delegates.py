"""Delegation: a run of another agent as a tool call, durable and linked to its parent."""

from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core.clock import now
from agentserver.core.errors import Conflict
from runs import services
from runs.models import Run, ToolCall
from runs.selectors import is_under_way
from runs.services import Mode
from tests.engine.conftest import Offer
from tests.engine.crashes import take_away
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    Held,
    Lab,
    Script,
    asking,
    call,
    calls_of,
    conversation,
    fresh,
    text,
    turns,
)

PARENT = turns(
    [call("agent_run_child", "c1", prompt="do it")], [text("child said {{tool_result}}")]
)


@pytest.fixture
def family(engine: Lab, offer: Offer) -> Lab:
    def erase(path: str) -> str:
        return f"{path} is gone"

    offer(erase, needs_approval=True)
    engine.agent(turns([text("I did {{last_user}}")]), "child")
    engine.agent(PARENT, delegates=["child"])
    return engine


def asking_child(lab: Lab) -> None:
    lab.agent(turns([call("erase", "e1", path="x")], [text("erased")]), "child")
    lab.agent(PARENT, delegates=["child"])


def child_of(run: Run) -> Run:
    return Run.objects.get(parent=run)


def test_it_runs_the_delegate_as_a_child(family: Lab) -> None:
    run = family.ask()
    child = child_of(run)
    assert (child.agent_id, child.parent_call_id, child.status) == ("child", "c1", "done")
    assert child.thread.parent_id == run.thread_id
    assert conversation(child.thread_id) == [("user", "do it"), ("assistant", "I did do it")]
    row = calls_of(run)[0]
    assert row.child_run_id == child.pk
    assert row.result["data"]["response"] == "I did do it"
    assert row.result["metadata"] == {"child_run_id": child.pk}
    assert_fold(run)
    assert_fold(child)


def test_it_does_not_deadlock_with_room_for_one_run(family: Lab, settings: Any) -> None:
    settings.AGENTSERVER_RUNS_PER_WORKER = 1
    run = family.ask()
    assert run.termination_code == "natural"


def test_it_waits_with_its_child_and_is_decided_through_it(family: Lab) -> None:
    asking_child(family)
    waiting = family.ask()
    assert waiting.status == Run.Status.WAITING
    assert calls_of(waiting)[0].ticket_id == f"delegate_run:{child_of(waiting).pk}"
    assert_fold(waiting)
    family.decide(child_of(waiting), "perm_e1")
    run = family.end(waiting)
    assert "erased" in (run.final_output or "")
    assert child_of(run).status == Run.Status.DONE
    assert_fold(run)
    assert_fold(child_of(run))


def test_it_takes_the_decision_for_its_child(family: Lab) -> None:
    asking_child(family)
    waiting = family.ask()
    family.decide(waiting, "c1")
    run = family.end(waiting)
    assert "erased" in (run.final_output or "")


def test_it_accepts_an_equal_decision_for_its_child_again(family: Lab) -> None:
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    family.stop()
    family.decide(waiting, "c1", payload=1)
    family.decide(waiting, "c1", payload=1)
    with pytest.raises(Conflict):
        family.decide(waiting, "c1", payload=2)
    assert ToolCall.objects.get(run=child).decision["payload"] == 1


@pytest.fixture
def asking_twice(family: Lab) -> Lab:
    """The child asks for leave, and again after it was given."""
    steps = [[call("erase", f"e{path}", path=path)] for path in ("1", "2")]
    family.agent(turns(*steps, [text("erased")]), "child")
    family.agent(PARENT, delegates=["child"])
    return family


def ticket_of(run: Run) -> Any:
    return calls_of(run)[0].suspension


def test_it_shows_what_its_child_asks_next(asking_twice: Lab) -> None:
    waiting = asking_twice.ask()
    first = ticket_of(waiting)
    asking_twice.decide(waiting, first["ticket_id"])
    again = asking_twice.rest(waiting, after_seq=waiting.last_seq)
    assert again.status == Run.Status.WAITING
    assert (first["parameters"], ticket_of(again)["parameters"]) == ({"path": "1"}, {"path": "2"})
    assert ticket_of(again)["ticket_id"] == f"{first['ticket_id']}:2"
    assert_fold(again)
    asking_twice.decide(again, "c1")
    run = asking_twice.end(again)
    assert "erased" in (run.final_output or "")
    assert_fold(run)


def test_it_takes_no_answer_for_a_question_that_was_not_shown(
    asking_twice: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.engine.host.families.tell_parent", lambda _: False)
    waiting = asking_twice.ask()
    child = child_of(waiting)
    asking_twice.decide(waiting, "c1")
    asking_twice.rest(child, after_seq=child.last_seq)
    asking_twice.decide(waiting, "c1")
    assert [row.status for row in calls_of(child)] == ["succeeded", "suspended"]
    with pytest.raises(Conflict):
        asking_twice.decide(waiting, "c1", "cancel")


def test_it_tells_a_parent_that_nobody_told_of_the_next_question(
    asking_twice: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("runs.engine.host.families.tell_parent", lambda _: False)
        waiting = asking_twice.ask()
        child = child_of(waiting)
        asking_twice.decide(waiting, "c1")
        asking_twice.rest(child, after_seq=child.last_seq)
    again = asking_twice.rest(waiting, after_seq=waiting.last_seq)
    assert ticket_of(again)["parameters"] == {"path": "2"}


def test_it_goes_on_when_its_child_was_deleted(family: Lab) -> None:
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    services.delete_thread(principal=ANONYMOUS, thread_id=child.thread_id)
    run = family.end(waiting)
    assert calls_of(run)[0].result == {"error": "the delegated run was deleted"}
    assert run.termination_code == "natural"


def test_it_is_found_by_the_sweeper_when_nobody_told_it(
    family: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    monkeypatch.setattr("runs.engine.host.families.tell_parent", lambda _: False)
    family.decide(child, "perm_e1")
    assert "erased" in (family.end(waiting).final_output or "")


@pytest.mark.parametrize("how", ["cancel", "interrupt", "foreground", "delete"])
def test_it_stops_the_child_of_a_waiting_parent(how: str, family: Lab) -> None:
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    stop_parent(how, family, waiting)
    assert family.end(child).termination_code == "cancelled"


@pytest.mark.parametrize("how", ["cancel", "interrupt", "foreground", "delete"])
def test_it_stops_a_child_that_nobody_came_to_stop(
    how: str, family: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died between the end of the parent and that of the child."""
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    monkeypatch.setattr("runs.mailbox.stop.stop_children", lambda _: None)
    monkeypatch.setattr("runs.services.deletion._stop_all", lambda _: None)
    stop_parent(how, family, waiting)
    assert family.end(child).termination_code == "cancelled"


def test_it_stops_the_child_of_a_parent_that_fails(
    family: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    monkeypatch.setattr("runs.engine.assembly.build", broken_assembly)
    assert family.submit("new", mode=Mode.RESUME).run.pk == waiting.pk
    assert family.end(waiting).termination_code == "error"
    assert family.end(child).termination_code == "cancelled"


async def broken_assembly(*_: Any) -> Any:
    raise RuntimeError("a bug")


def stop_parent(how: str, lab: Lab, run: Run) -> None:
    thread_id = run.thread_id
    match how:
        case "cancel":
            services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
        case "interrupt":
            services.interrupt_thread(principal=ANONYMOUS, thread_id=thread_id)
        case "delete":
            services.delete_thread(principal=ANONYMOUS, thread_id=thread_id)
        case _:
            services.submit_foreground(asking("new", thread_id=thread_id, agent_id="child"))


@pytest.mark.parametrize("how", ["cancel", "interrupt", "foreground"])
def test_it_stops_the_child_of_a_running_parent(how: str, family: Lab, offer: Offer) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "late"

    offer(wait)
    family.agent(turns([call("wait")], [text("never")]), "child")
    family.agent(PARENT, delegates=["child"])
    run = family.submit().run
    held.wait_until_entered()
    child = child_of(run)
    stop_parent(how, family, run)
    assert family.end(run).termination_code == "cancelled"
    assert family.end(child).termination_code == "cancelled"
    held.release()
    assert_fold(fresh(run))


def test_it_ends_the_child_when_the_parents_patience_is_over(family: Lab, settings: Any) -> None:
    settings.AGENTSERVER_SUSPENSION_SECONDS = 1
    asking_child(family)
    waiting = family.ask()
    child = child_of(waiting)
    assert family.end(child).termination_detail == "nobody answered in time"
    assert family.end(waiting).status == Run.Status.DONE


def test_it_refuses_to_delegate_without_end(engine: Lab) -> None:
    me: Script = [
        {"when": {"has_tool_result": True}, "reply": [text("{{tool_result}}")]},
        {"reply": [call("agent_run_a", prompt="again")]},
    ]
    engine.agent(me)
    engine.agent(me, delegates=["a"])
    run = engine.ask()
    assert "levels deep" in str(conversation(Run.objects.order_by("-created_at")[0].thread_id))
    assert run.termination_code == "natural"


def test_it_joins_the_same_child_after_a_crash(family: Lab, offer: Offer) -> None:
    held = Held()

    def wait() -> str:
        held.hold()
        return "late"

    offer(wait)
    family.agent(turns([call("wait")], [text("finished")]), "child")
    family.agent(PARENT, delegates=["child"])
    run = family.submit().run
    held.wait_until_entered()
    take_away(run)
    held.release()
    run = family.end(run)
    assert Run.objects.filter(parent=run).count() == 1
    assert "finished" in (run.final_output or "")
    assert_fold(run)


def test_it_is_under_way_until_it_has_heard_of_its_delegates_end(engine: Lab, offer: Offer) -> None:
    def erase(path: str) -> str:
        return f"{path} is gone"

    offer(erase, needs_approval=True)
    asking_child(engine)
    run = engine.ask()
    assert not is_under_way(run.pk)
    # Between the two commits of the child's end and of the parent's continuation.
    Run.objects.filter(pk=child_of(run).pk).update(status="done", finished_at=now())
    assert is_under_way(run.pk)
