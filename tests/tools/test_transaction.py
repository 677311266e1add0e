import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from runs.models import Run, ToolCall
from runs.tools import Tool, ToolContext, ToolError
from runs.tools.decorator import build_tool
from runs.tools.invoke import invoke_in_transaction, invoke_transactional
from runs.tools.result import Outcome
from tests.tools.calls import Call
from threads.models import Thread

pytestmark = pytest.mark.django_db(transaction=True)

SHORT = 0.05


@pytest.fixture
def row() -> ToolCall:
    """The ledger row of a call that is being executed."""
    run = Run.objects.create(thread=Thread.objects.create(), agent_id="a")
    return ToolCall.objects.create(run=run, call_id="call-1", step=1, name="probe")


class Ledger:
    """Records as the engine does, and remembers whether it did so inside a transaction."""

    def __init__(self, row: ToolCall) -> None:
        self.row = row
        self.inside: list[bool] = []

    def __call__(self, outcome: Outcome) -> None:
        self.inside.append(connection.in_atomic_block)
        ToolCall.objects.filter(pk=self.row.pk).update(
            status=outcome.status, result={"text": outcome.text_for_model()}
        )

    @property
    def status(self) -> str:
        self.row.refresh_from_db()
        return self.row.status


@pytest.fixture
def ledger(row: ToolCall) -> Ledger:
    return Ledger(row)


def writing(then: Callable[[ToolContext], Any]) -> Tool:
    def write(context: ToolContext) -> Any:
        Thread.objects.create(id="written")
        return then(context)

    return build_tool(write, transactional=True)


def was_written() -> bool:
    return Thread.objects.filter(id="written").exists()


def test_it_commits_the_writes_of_the_tool_with_the_recorded_result(ledger: Ledger) -> None:
    outcome = invoke_in_transaction(writing(lambda _: "ok"), {}, Call().context, ledger)
    assert outcome.status == ledger.status == "succeeded"
    assert ledger.inside == [True]
    assert was_written()


def test_it_rolls_back_the_writes_of_a_tool_that_fails_and_records_the_failure(
    ledger: Ledger,
) -> None:
    def refuse(context: ToolContext) -> None:
        raise ToolError("sold out")

    outcome = invoke_in_transaction(writing(refuse), {}, Call().context, ledger)
    assert outcome.status == ledger.status == "failed"
    assert ledger.row.result == {"text": "sold out"}
    assert not was_written()


def test_it_rolls_back_the_writes_of_a_tool_that_asks(ledger: Ledger) -> None:
    tool = writing(lambda context: context.ask("Sure?"))
    outcome = invoke_in_transaction(tool, {}, Call().context, ledger)
    assert outcome.status == ledger.status == "suspended"
    assert not was_written()


def test_it_rolls_back_when_the_result_cannot_be_recorded(ledger: Ledger) -> None:
    outcome = invoke_in_transaction(writing(lambda _: object()), {}, Call().context, ledger)
    assert outcome.status == ledger.status == "failed"
    assert not was_written()


def test_it_rolls_everything_back_when_recording_is_refused() -> None:
    def lost_lease(outcome: Outcome) -> None:
        raise RuntimeError("another attempt owns the run")

    with pytest.raises(RuntimeError, match="another attempt"):
        invoke_in_transaction(writing(lambda _: "ok"), {}, Call().context, lost_lease)
    assert not was_written()


def test_it_does_not_take_a_broken_ledger_for_a_broken_tool() -> None:
    seen: list[str] = []

    def broken(outcome: Outcome) -> None:
        seen.append(outcome.status)
        raise IntegrityError("ledger")

    with pytest.raises(IntegrityError, match="ledger"):
        invoke_in_transaction(writing(lambda _: "ok"), {}, Call().context, broken)
    assert seen == ["succeeded"]
    assert not was_written()


def test_it_records_invalid_arguments_without_running_the_tool(ledger: Ledger) -> None:
    tool = writing(lambda _: "ok")
    outcome = invoke_in_transaction(tool, {"unknown": 1}, Call().context, ledger)
    assert (outcome.reason, ledger.status) == ("invalid_arguments", "failed")
    assert not was_written()


def test_it_fails_a_tool_whose_writes_break_a_constraint_at_the_commit(ledger: Ledger) -> None:
    def orphan(context: ToolContext) -> None:
        Run.objects.create(thread_id="nowhere", agent_id="a")

    outcome = invoke_in_transaction(writing(orphan), {}, Call().context, ledger)
    assert (outcome.status, outcome.reason) == ("failed", "exception")
    assert "IntegrityError" in (outcome.error or "")
    assert ledger.status == "failed"
    assert not was_written()


def test_it_fails_a_tool_that_leaves_its_transaction_broken(ledger: Ledger) -> None:
    def careless(context: ToolContext) -> str:
        try:
            with transaction.atomic(savepoint=False):
                Thread.objects.create(id="written")
        except DatabaseError:
            pass
        return "never mind"

    outcome = invoke_in_transaction(writing(careless), {}, Call().context, ledger)
    assert outcome.status == ledger.status == "failed"
    assert not was_written()


def test_it_does_not_record_a_call_that_was_given_up(ledger: Ledger) -> None:
    call = Call()
    tool = writing(lambda context: context.gate.abandon())
    outcome = invoke_in_transaction(tool, {}, call.context, ledger)
    assert outcome.status == "cancelled"
    assert ledger.status == "new"
    assert not was_written()


def test_it_refuses_to_run_inside_another_transaction(ledger: Ledger) -> None:
    tool = writing(lambda _: "ok")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        invoke_in_transaction(tool, {}, Call().context, ledger)


def in_thread(work: Callable[[], Outcome]) -> Awaitable[Outcome]:
    def closing() -> Outcome:
        try:
            return work()
        finally:
            connection.close()

    return asyncio.to_thread(closing)


def test_it_commits_from_a_thread(ledger: Ledger) -> None:
    tool = writing(lambda _: "ok")
    outcome = asyncio.run(
        invoke_transactional(tool, {}, Call().context, ledger, run_sync=in_thread)
    )
    assert outcome.status == ledger.status == "succeeded"
    assert was_written()


def test_it_rolls_back_a_call_that_exceeds_its_time(ledger: Ledger) -> None:
    given_up, ended = threading.Event(), threading.Event()

    def work_on(work: Callable[[], Outcome]) -> Awaitable[Outcome]:
        def signalling() -> Outcome:
            try:
                return work()
            finally:
                connection.close()
                ended.set()

        return asyncio.to_thread(signalling)

    def wait() -> str:
        Thread.objects.create(id="written")
        given_up.wait(10)
        return "ok"

    async def check() -> Outcome:
        tool = build_tool(wait, transactional=True, timeout_seconds=SHORT)
        outcome = await invoke_transactional(tool, {}, Call().context, ledger, run_sync=work_on)
        given_up.set()
        return outcome

    outcome = asyncio.run(check())
    assert ended.wait(10)
    assert (outcome.reason, outcome.error) == ("timeout", "timed out after 0.05 s")
    assert ledger.status == "new"
    assert not was_written()


def test_it_awaits_a_call_that_is_committing_when_its_time_is_up(ledger: Ledger) -> None:
    recording, go_on = threading.Event(), threading.Event()

    def slow_record(outcome: Outcome) -> None:
        recording.set()
        go_on.wait(10)
        ledger(outcome)

    async def check() -> Outcome:
        tool = build_tool(quick, transactional=True, timeout_seconds=SHORT)
        call = Call()
        abandon = call.context.gate.abandon

        def observed() -> bool:
            # The time is up: let the commit finish only now.
            recording.wait(10)
            given_up = abandon()
            go_on.set()
            return given_up

        call.context.gate.abandon = observed  # type: ignore[method-assign]
        return await invoke_transactional(tool, {}, call.context, slow_record, run_sync=in_thread)

    outcome = asyncio.run(check())
    assert outcome.status == ledger.status == "succeeded"
    assert was_written()


def quick() -> str:
    Thread.objects.create(id="written")
    return "ok"


@pytest.mark.leg("postgres")
def test_it_fails_a_tool_that_catches_an_error_of_the_database_itself(ledger: Ledger) -> None:
    def careless(context: ToolContext) -> str:
        with contextlib.suppress(IntegrityError):
            Thread.objects.create(id="written")
        return "never mind"

    outcome = invoke_in_transaction(writing(careless), {}, Call().context, ledger)
    assert outcome.status == ledger.status == "failed"
    assert not was_written()
