"""What a submission does about runs that are under way, and what each run gets to read."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from agentserver.access.principal import ANONYMOUS
from agentserver.core.errors import BadRequest, Conflict, NotFound
from runs import services
from runs.events.types import InputAccepted, RunFinished, TextDelta
from runs.models import Job, Lane, Run
from runs.services import Mode, Submitted
from tests.engine.conftest import Offer
from tests.engine.folding import assert_fold
from tests.engine.lab import (
    Held,
    Lab,
    Pace,
    Script,
    asking,
    call,
    conversation,
    fresh,
    said,
    text,
    untaken_input,
)
from threads.models import Message, Thread

ECHO: Script = [{"reply": [text("{{message_count}}: {{last_user}}")]}]
HOLDING: Script = [
    {"when": {"last_user": "hold", "has_tool_result": False}, "reply": [call("wait")]},
    {"when": {"has_tool_result": True}, "reply": [text("released")]},
    *ECHO,
]
SLOW: Script = [
    {"when": {"last_user": "slow"}, "reply": [text("so slow " * 50, chunks=400, delay_ms=50)]},
    *ECHO,
]


@pytest.fixture
def held(engine: Lab, offer: Offer) -> Iterator[Held]:
    """The agent ``a`` waits in a tool when it is told to hold, and echoes everything else."""
    made = Held()

    def wait() -> str:
        made.hold()
        return "ok"

    offer(wait)
    engine.agent(HOLDING)
    yield made
    made.release()


def holding(lab: Lab, held: Held) -> Run:
    run = lab.submit("hold").run
    held.wait_until_entered()
    return run


def states(thread_id: str = "t") -> list[str]:
    jobs = Job.objects.filter(thread_id=thread_id).order_by("created_at")
    return list(jobs.values_list("state", flat=True))


# --- queue -------------------------------------------------------------------------------------


def test_it_runs_what_is_queued_in_order(held: Held, engine: Lab) -> None:
    first = holding(engine, held)
    waiting = [engine.submit(f"number {index}") for index in range(3)]
    assert [each.status for each in waiting] == ["queued"] * 3
    assert Job.objects.filter(state=Job.State.CLAIMED).count() == 1
    held.release()
    ended = [engine.end(each.run) for each in waiting]
    assert [run.turn for run in [fresh(first), *ended]] == [1, 2, 3, 4]
    # 4 messages of the first run, then two more with each run that came before.
    assert [run.final_output for run in ended] == [
        "5: number 0",
        "7: number 1",
        "9: number 2",
    ]


def test_it_never_reads_the_input_of_runs_behind_it(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    behind = engine.submit("not for the first").run
    assert ("user", "not for the first") in conversation()
    held.release()
    engine.end(behind)
    seen = Message.objects.until_turn(1).filter(thread_id="t")
    assert {row.run_id for row in seen} == {run.pk}


def test_it_says_what_runs_and_what_is_queued(held: Held, engine: Lab) -> None:
    assert engine.submit("hold").status == "running"
    held.wait_until_entered()
    assert engine.submit().status == "queued"


def test_it_refuses_input_without_messages(engine: Lab) -> None:
    engine.agent(ECHO)
    with pytest.raises(BadRequest):
        engine.submit(messages=[])


def test_it_stores_nothing_for_an_unknown_agent(engine: Lab) -> None:
    engine.agent(ECHO)
    with pytest.raises(Exception, match="agent not found"):
        engine.submit(agent_id="nobody", thread_id="new")
    assert not Thread.objects.filter(pk="new").exists()


# --- steer -------------------------------------------------------------------------------------


def test_it_hands_input_to_the_running_run(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    steered = engine.steer("more")
    assert (steered.steered, steered.run.pk, steered.job) == (True, run.pk, None)
    held.release()
    run = engine.end(run)
    assert run.final_output == "4: more"
    assert any(isinstance(event, InputAccepted) for event in engine.events(run))
    assert Run.objects.count() == 1


def test_it_takes_another_step_for_input_that_comes_during_the_last_one(
    engine: Lab, pace: Pace
) -> None:
    pace.silent_after(2)
    engine.agent(
        [
            {"when": {"last_user": "more"}, "reply": [text("and more")]},
            {"reply": [text("some text", chunks=9, delay_ms=1)]},
        ]
    )
    run = engine.submit("first").run
    engine.seen(run, TextDelta)
    engine.steer("more")
    pace.go_on()
    run = engine.end(run)
    assert (run.steps, run.final_output) == (2, "and more")
    assert [role for role, _ in conversation()] == ["user", "user", "assistant", "assistant"]
    assert_fold(run)


def test_it_queues_what_nobody_can_take(engine: Lab) -> None:
    engine.agent(ECHO)
    submitted = engine.steer("alone")
    assert (submitted.steered, engine.end(submitted.run).status) == (False, "done")


def test_it_queues_behind_a_run_that_is_being_cancelled(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    Run.objects.filter(pk=run.pk).update(cancel_requested="cancel")
    assert not engine.steer("more").steered
    held.release()


def test_it_shows_late_input_to_the_runs_that_follow(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    engine.steer("lost?")
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    engine.end(run)
    held.release()
    assert untaken_input(run) == 1
    seen = Message.objects.until_turn(1).filter(thread_id="t", role="user")
    assert len(seen) == 2


# --- interrupt, reject, rollback, resume -------------------------------------------------------


def test_it_interrupts_and_then_runs(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    queued = engine.submit("superseded")
    new = engine.submit("new", mode=Mode.INTERRUPT)
    held.release()
    assert engine.end(new.run).final_output
    assert fresh(run).termination_code == "cancelled"
    assert fresh(queued.run).termination_code == "cancelled"
    assert states() == ["Accepted", "Superseded", "Accepted"]
    assert ("user", "superseded") in conversation()


def test_it_refuses_a_busy_thread(held: Held, engine: Lab) -> None:
    holding(engine, held)
    with pytest.raises(Conflict) as refused:
        engine.submit("no", mode=Mode.REJECT)
    held.release()
    assert refused.value.headers["Retry-After"] == "1"
    assert ("user", "no") not in conversation()


def test_it_accepts_an_idle_thread(engine: Lab) -> None:
    engine.agent(ECHO)
    assert engine.end(engine.submit(mode=Mode.REJECT).run).status == "done"


def test_it_rolls_the_running_run_back(held: Held, engine: Lab) -> None:
    engine.ask("before")
    run = holding(engine, held)
    new = engine.submit("instead", mode=Mode.ROLLBACK)
    held.release()
    engine.end(new.run)
    assert fresh(run).termination_code == "cancelled"
    assert [told for role, told in conversation() if role == "user"] == ["before", "instead"]


def test_it_rolls_nothing_back_on_an_idle_thread(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    services.interrupt_thread(principal=ANONYMOUS, thread_id="t")
    engine.end(run)
    held.release()
    engine.end(engine.submit("after", mode=Mode.ROLLBACK).run)
    assert ("user", "hold") in conversation()


@pytest.mark.parametrize("mode", Mode)
def test_it_takes_every_mode_on_a_thread_that_is_not_there(mode: Mode, engine: Lab) -> None:
    engine.agent(ECHO)
    if mode is Mode.RESUME:
        with pytest.raises(NotFound):
            engine.submit(mode=mode, thread_id="new")
        return
    assert engine.end(engine.submit(mode=mode, thread_id="new").run).status == "done"


def test_it_gives_up_when_the_running_run_does_not_let_go(
    held: Held, engine: Lab, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AGENTSERVER_RELEASE_SECONDS = 0.2
    monkeypatch.setattr("runs.engine.host.Host._tell", lambda *_: None)
    run = holding(engine, held)
    with pytest.raises(Conflict):
        services.submit_foreground(asking("new"))
    assert Run.objects.count() == 1
    assert fresh(run).cancel_requested == "interrupt"
    held.release()


# --- foreground --------------------------------------------------------------------------------


def test_it_lets_the_latest_win(engine: Lab) -> None:
    engine.agent(SLOW)
    old = engine.submit("slow").run
    engine.seen(old, TextDelta)
    new = services.submit_foreground(asking("new"))
    assert engine.end(new.run).termination_code == "natural"
    assert fresh(old).termination_code == "cancelled"
    assert Lane.objects.get(pk="t").generation == 2


def in_parallel(*work: Callable[[], Any]) -> list[Any]:
    """The results, or the exceptions, of calls made at the same moment."""
    together = threading.Barrier(len(work))

    def call_together(one: Callable[[], Any]) -> Any:
        together.wait()
        try:
            return one()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(call_together, work))


@pytest.mark.parametrize("busy", [False, True])
def test_it_lets_at_least_one_of_two_simultaneous_starts_win(busy: bool, engine: Lab) -> None:
    engine.agent(SLOW)
    if busy:
        engine.seen(engine.submit("slow").run, TextDelta)
    results = in_parallel(*[lambda: services.submit_foreground(asking("new"))] * 2)
    won = [each for each in results if isinstance(each, Submitted)]
    assert won
    assert all(isinstance(each, Submitted | Conflict) for each in results)
    outcomes = [engine.end(each.run).termination_code for each in won]
    assert "natural" in outcomes


def test_it_does_not_stop_the_run_that_won_while_it_waited(
    held: Held, engine: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.agent([*HOLDING[:1], *SLOW])
    old = engine.submit("slow").run
    engine.seen(old, TextDelta)
    winners: list[Run] = []

    def let_another_in(run: Run) -> None:
        engine.end(run)
        winners.append(holding(engine, held))

    monkeypatch.setattr("runs.services.submission._wait_for_release", let_another_in)
    with pytest.raises(Conflict):
        services.submit_foreground(asking("too late"))
    assert fresh(winners[0]).cancel_requested == ""
    held.release()
    assert engine.end(winners[0]).termination_code == "natural"
    assert ("user", "too late") not in conversation()


def test_it_serialises_many_submissions_at_once(engine: Lab) -> None:
    engine.agent(ECHO)
    results = in_parallel(*[lambda: engine.submit("x")] * 8)
    runs = [engine.end(each.run) for each in results]
    assert sorted(run.turn or 0 for run in runs) == list(range(1, 9))
    assert {run.status for run in runs} == {"done"}


# --- idempotency -------------------------------------------------------------------------------


def test_it_finds_the_first_run_by_its_key(engine: Lab) -> None:
    engine.agent(ECHO)
    first = engine.submit(idempotency_key="k")
    again = engine.submit(idempotency_key="k")
    assert (again.run.pk, again.fresh) == (first.run.pk, False)
    with pytest.raises(Conflict):
        engine.submit("another body", idempotency_key="k")
    engine.end(first.run)
    assert conversation()[0] == ("user", "hello")
    assert len(conversation()) == 2


def test_it_makes_one_run_of_equal_requests_at_once(engine: Lab) -> None:
    engine.agent(ECHO)
    one = asking(idempotency_key="k")
    results = in_parallel(*[lambda: services.submit(one)] * 4)
    assert len({each.run.pk for each in results}) == 1
    engine.end(results[0].run)
    assert len(conversation()) == 2


def test_it_appends_a_message_once_per_id(engine: Lab) -> None:
    engine.agent(ECHO)
    message = said("hello", id="m1")
    engine.end(engine.submit(messages=[message]).run)
    engine.end(engine.submit(messages=[message, said("next")]).run)
    assert [told for role, told in conversation() if role == "user"] == ["hello", "next"]


# --- deletion ----------------------------------------------------------------------------------


def test_it_brings_nothing_back_after_a_deletion(held: Held, engine: Lab) -> None:
    run = holding(engine, held)
    engine.submit("queued")
    services.delete_thread(principal=ANONYMOUS, thread_id="t")
    held.release()
    engine.stop()
    assert not Thread.objects.exists()
    assert not Message.objects.exists()
    assert not Run.objects.filter(pk=run.pk).exists()
    assert not Job.objects.exists()


def test_it_ends_the_stream_of_a_deleted_run(engine: Lab) -> None:
    engine.agent(SLOW)
    run = engine.submit("slow").run
    engine.seen(run, TextDelta)
    services.delete_thread(principal=ANONYMOUS, thread_id="t")
    with pytest.raises(AssertionError, match="ended without"):
        engine.seen(run, RunFinished)


def test_it_survives_deletions_while_it_commits(engine: Lab) -> None:
    engine.agent(ECHO)
    for round_ in range(10):
        thread_id = f"t{round_}"
        engine.submit(thread_id=thread_id)
        services.delete_thread(principal=ANONYMOUS, thread_id=thread_id)
    engine.stop()
    assert not Thread.objects.exists()
    assert not Message.objects.exists()
