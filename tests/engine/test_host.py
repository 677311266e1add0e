"""The worker process: its room, its leases, its end, and what it hears while it claims."""

import asyncio
import threading
from typing import Any

import pytest
from django.db import InterfaceError

from agentserver.access.principal import ANONYMOUS
from config.errors import VersionGone
from runs import services
from runs.engine import assembly, host, journal
from runs.engine.session import Draining
from runs.events.types import RunStarted, StepReset, TextDelta
from runs.mailbox import claim as claims
from runs.models import Job, Run
from tests.engine.conftest import Offer
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
    text,
    turns,
    wait_for,
)


@pytest.fixture
def held(lab: Lab, offer: Offer) -> Held:
    """Tools ``wait`` (must not be repeated) and ``again`` (may be)."""
    made = Held()

    def wait() -> str:
        made.hold()
        return "waited"

    offer(wait)
    offer(wait, name="again", idempotent=True)
    return made


WAITING = turns([call("wait", "c1")], [text("done")])


@pytest.mark.parametrize("room", [1, 3])
def test_it_never_runs_more_than_it_has_room_for(
    room: int, held: Held, lab: Lab, settings: Any
) -> None:
    settings.AGENTSERVER_RUNS_PER_WORKER = room
    lab.agent(WAITING)
    runs = [lab.submit(thread_id=f"t{index}").run for index in range(8)]
    lab.start()
    for _ in range(room):
        held.wait_until_entered()
    claimed = Job.objects.filter(state=Job.State.CLAIMED)
    assert claimed.count() == room
    held.release()
    assert {lab.end(run).status for run in runs} == {"done"}


def test_it_hands_an_answer_in_progress_to_the_next_worker(lab: Lab, pace: Pace) -> None:
    pace.silent_after(2)
    lab.agent(turns([text("one two three", chunks=12, delay_ms=1)]))
    lab.start()
    run = lab.submit().run
    lab.seen(run, TextDelta, times=2)
    lab.stop()
    assert Job.objects.get(run=run).state == Job.State.QUEUED
    assert any(isinstance(event, StepReset) for event in lab.events(run))
    pace.go_on()
    lab.start()
    run = lab.end(run)
    assert (run.final_output, run.attempt) == ("one two three", 2)
    assert Job.objects.get(run=run).attempt_count == 0
    starts = [event.cause for event in lab.events(run) if isinstance(event, RunStarted)]
    assert starts == ["start", "recover"]
    assert conversation() == [("user", "hello"), ("assistant", "one two three")]
    assert_fold(run)


def test_it_lets_a_tool_finish_that_must_not_be_repeated(held: Held, lab: Lab) -> None:
    lab.agent(WAITING)
    lab.start()
    run = lab.submit().run
    held.wait_until_entered()
    stopping = threading.Thread(target=lab.stop)
    stopping.start()
    held.release()
    stopping.join()
    assert [row.status for row in calls_of(run)] == ["succeeded"]
    assert fresh(run).status == Run.Status.RUNNING
    lab.start()
    run = lab.end(run)
    assert calls_of(run)[0].executions == 1
    assert_fold(run)


def test_it_breaks_a_tool_off_that_may_run_again(held: Held, lab: Lab) -> None:
    lab.agent(turns([call("again", "c1")], [text("done")]))
    lab.start()
    run = lab.submit().run
    held.wait_until_entered()
    lab.stop()
    assert [row.status for row in calls_of(run)] == ["running"]
    held.release()
    lab.start()
    run = lab.end(run)
    assert calls_of(run)[0].executions == 2
    assert_fold(run)


def test_it_loses_no_call_that_had_not_begun(
    held: Held, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = journal.open_step
    stopped: list[int] = []

    def open_step(*given: Any) -> None:
        original(*given)
        if not stopped and lab.host:
            stopped.append(1)
            for session in lab.host._sessions.values():
                session.stop(Draining)

    monkeypatch.setattr(journal, "open_step", open_step)
    held.release()
    lab.agent(WAITING)
    lab.start()
    run = lab.ask()
    assert (run.status, run.attempt) == ("done", 2)
    assert calls_of(run)[0].executions == 1
    assert_fold(run)


def test_it_gives_back_what_it_claims_while_it_stops(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.agent(turns([text("done")]))
    claimed, go_on = threading.Event(), threading.Event()
    original = assembly.claim

    def claim(**options: Any) -> Any:
        found = original(**options)
        if found:
            claimed.set()
            assert go_on.wait(10)
        return found

    monkeypatch.setattr(assembly, "claim", claim)
    lab.start()
    run = lab.submit().run
    assert claimed.wait(10)
    stopping = threading.Thread(target=lab.stop)
    stopping.start()
    assert lab.host
    while not lab.host._stopping:
        wait_for(asyncio.sleep(0))
    go_on.set()
    stopping.join()
    assert Job.objects.get(run=run).state == Job.State.QUEUED


def test_it_hears_a_cancel_while_it_claims(
    lab: Lab, pace: Pace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AGENTSERVER_LEASE_SECONDS = 60  # no renewal tells it
    pace.silent_after(2)
    lab.agent(turns([text("la " * 100, chunks=200, delay_ms=1)]))
    original = assembly.claim

    def claim(**options: Any) -> Any:
        found = original(**options)
        for each, _ in found:
            services.cancel_run(principal=ANONYMOUS, run_id=each.run.pk)
        return found

    monkeypatch.setattr(assembly, "claim", claim)
    lab.start()
    run = lab.end(lab.submit().run)
    assert (run.termination_code, run.steps) == ("cancelled", 0)


def test_it_ends_a_run_that_was_cancelled_while_nobody_held_it(lab: Lab) -> None:
    lab.agent(turns([text("never")]))
    run = lab.submit().run
    claims.claim(worker="dead", limit=1)
    services.cancel_run(principal=ANONYMOUS, run_id=run.pk)
    assert fresh(run).status == Run.Status.RUNNING
    expire_leases()
    lab.start()
    run = lab.end(run)
    assert run.termination_code == "cancelled"
    assert conversation() == [("user", "hello")]
    assert_fold(run)


def test_it_fails_only_the_run_whose_configuration_is_gone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.agent(turns([text("fine")]))
    lost, kept = lab.submit(thread_id="lost").run, lab.submit(thread_id="kept").run
    Run.objects.filter(pk=lost.pk).update(config_version=999)
    lab.start()
    assert lab.end(lost).termination_code == "error"
    assert lab.end(kept).termination_code == "natural"
    assert VersionGone(999).message


def test_it_goes_on_renewing_after_an_error(
    lab: Lab, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "RENEWALS_PER_LEASE", 100)
    failures: list[int] = []
    renewed = threading.Event()
    original = claims.renew

    def renew(**options: Any) -> Any:
        failures.append(1)
        if len(failures) == 1:
            raise ValueError("a bug")
        if len(failures) == 2:
            raise InterfaceError("connection already closed")
        renewed.set()
        return original(**options)

    monkeypatch.setattr(claims, "renew", renew)
    pace.silent_after(2)
    lab.agent(turns([text("one two three", chunks=12, delay_ms=1)]))
    lab.start()
    run = lab.submit().run
    assert renewed.wait(PATIENCE)
    pace.go_on()
    assert lab.end(run).status == "done"


def test_it_retries_after_the_back_off(lab: Lab) -> None:
    lab.agent(turns([{"error": {"status": 503, "times": 2}}, text("at last")]))
    lab.start()
    run = lab.ask()
    job = Job.objects.get(run=run)
    assert (run.final_output, run.attempt, job.attempt_count) == ("at last", 3, 2)
    assert job.state == Job.State.ACCEPTED
    assert job.last_error


def test_it_gives_a_permanent_error_no_second_attempt(lab: Lab) -> None:
    lab.agent(turns([{"error": {"status": 401, "message": "no such key"}}]))
    lab.start()
    run = lab.ask()
    job = Job.objects.get(run=run)
    assert (run.status, run.termination_code, run.attempt) == ("done", "error", 1)
    assert run.error_payload["code"] == "auth"
    assert (job.state, job.attempt_count) == (Job.State.DEAD_LETTER, 0)


def test_it_starts_the_next_run_of_the_thread_at_once(lab: Lab, settings: Any) -> None:
    settings.AGENTSERVER_SWEEP_SECONDS = 3600
    lab.agent(turns([text("done")]))
    runs = [lab.submit().run for _ in range(5)]
    lab.start()
    assert [lab.end(run).turn for run in runs] == [1, 2, 3, 4, 5]
