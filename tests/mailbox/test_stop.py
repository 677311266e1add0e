"""Cancel and interrupt without a worker in sight."""

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core.errors import NotFound
from runs import services
from runs.models import Job, Lane, Run
from tests.mailbox import queue
from threads.models import Message


def test_it_supersedes_the_queue_and_asks_the_active_run_to_stop() -> None:
    active = queue.enqueue()
    queued = [queue.enqueue() for _ in range(2)]
    claimed = queue.claim_one()
    done = services.interrupt_thread(principal=ANONYMOUS, thread_id="t")
    assert done.superseded == 2
    assert done.stopping == active.run
    assert {queue.state_of(each) for each in queued} == {Job.State.SUPERSEDED}
    assert {queue.run_of(each).termination_code for each in queued} == {"cancelled"}
    assert queue.run_of(claimed).cancel_requested == Run.Cancel.INTERRUPT
    assert Lane.objects.get(pk="t").generation == 1


def test_it_moves_the_generation_on_with_nothing_to_do() -> None:
    queue.enqueue()
    queue.finish(queue.claim_one())
    with pytest.raises(NotFound):
        services.interrupt_thread(principal=ANONYMOUS, thread_id="t")
    assert Lane.objects.get(pk="t").generation == 1
    assert queue.enqueue().job.generation == 1


def test_it_keeps_the_input_of_superseded_runs_in_the_conversation() -> None:
    queue.enqueue()
    services.interrupt_thread(principal=ANONYMOUS, thread_id="t")
    queue.enqueue()
    claimed = queue.claim_one()
    readable = Message.objects.until_turn(claimed.run.turn or 0)
    assert readable.count() == 2


@pytest.mark.parametrize("by", ["run", "job", "thread"])
def test_it_cancels_a_queued_run_by_any_id(by: str) -> None:
    queued = queue.enqueue()
    any_id = {"run": queued.run.pk, "job": queued.job.pk, "thread": "t"}[by]
    services.cancel(principal=ANONYMOUS, any_id=any_id, missing=NotFound("missing"))
    assert queue.state_of(queued) == Job.State.CANCELLED
    assert queue.run_of(queued).termination_code == "cancelled"


def test_it_cancels_one_thing_and_lets_the_queue_go_on() -> None:
    first, second = queue.enqueue(), queue.enqueue()
    queue.suspend(queue.claim_one())
    services.cancel_thread(principal=ANONYMOUS, thread_id="t")
    assert queue.run_of(first).termination_code == "cancelled"
    assert queue.claim_one().run == second.run


def test_it_knows_nothing_to_cancel() -> None:
    queued = queue.enqueue()
    queue.finish(queue.claim_one())
    for any_id in (queued.run.pk, queued.job.pk, "t", "nobody"):
        with pytest.raises(NotFound, match="missing"):
            services.cancel(principal=ANONYMOUS, any_id=any_id, missing=NotFound("missing"))


def test_it_cancels_a_run_in_its_back_off() -> None:
    queued = queue.enqueue()
    queue.retry(queue.claim_one())
    services.cancel_run(principal=ANONYMOUS, run_id=queued.run.pk)
    assert queue.run_of(queued).termination_code == "cancelled"
    assert queue.state_of(queued) == Job.State.CANCELLED
    queue.wait_out()
    assert queue.claim() == []
