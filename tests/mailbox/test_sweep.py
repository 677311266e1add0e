"""What nobody else will touch again: lost leases, used up attempts, old rows."""

from datetime import timedelta
from typing import Any

import pytest

from agentserver.core.clock import now
from runs.events import log
from runs.events.types import RunFinished
from runs.mailbox import settle, sweep
from runs.models import IdempotencyKey, Job, Lane, Run
from tests.mailbox import queue


@pytest.mark.parametrize(
    ("failures", "milliseconds"),
    [(1, 250), (2, 250), (3, 500), (4, 1000)],
)
def test_it_waits_longer_with_each_failure(failures: int, milliseconds: int) -> None:
    assert settle.retry_delay(failures) == timedelta(milliseconds=milliseconds)


def test_it_makes_a_failed_job_available_after_its_back_off() -> None:
    queue.enqueue()
    before = now()
    claimed = queue.claim_one()
    assert queue.retry(claimed)
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.attempt_count, job.last_error) == (Job.State.QUEUED, 1, "503")
    assert job.available_at >= before + timedelta(milliseconds=250)
    assert Lane.objects.get(pk="t").ready_at == job.available_at
    assert queue.claim() == []
    queue.wait_out()
    assert queue.claim_one().job.pk == job.pk


def test_it_waits_as_long_as_the_provider_asks() -> None:
    queue.enqueue()
    claimed = queue.claim_one()
    queue.retry(claimed, delay=60)
    assert Job.objects.get(pk=claimed.job.pk).available_at > now() + timedelta(seconds=50)


def test_it_ends_the_run_with_its_last_attempt() -> None:
    queued = queue.enqueue(max_attempts=2)
    assert queue.retry(queue.claim_one())
    queue.wait_out()
    assert not queue.retry(queue.claim_one())
    run = queue.run_of(queued)
    assert queue.state_of(queued) == Job.State.DEAD_LETTER
    assert (run.status, run.termination_code) == (Run.Status.DONE, "error")
    assert run.error_payload == {"message": "503", "code": "dead_letter"}
    assert [type(each.event) for each in log.read(run.pk)] == [RunFinished]


def test_it_takes_a_job_back_strictly_after_its_lease() -> None:
    queue.enqueue()
    claimed = queue.claim_one()
    assert sweep.requeue_expired_leases() == (0, 0)
    queue.expire(claimed.job.pk)
    assert sweep.requeue_expired_leases() == (1, 0)
    job = Job.objects.get(pk=claimed.job.pk)
    assert (job.state, job.attempt_count, job.claim_token) == (Job.State.QUEUED, 1, "")
    assert sweep.sweep().due


def test_it_buries_a_job_whose_worker_dies_every_time() -> None:
    queued = queue.enqueue(max_attempts=1)
    queue.enqueue()
    queue.expire(queue.claim_one().job.pk)
    assert sweep.requeue_expired_leases() == (0, 1)
    assert queue.run_of(queued).status == Run.Status.DONE
    assert queue.claim_one().run.turn == 2


def test_it_skips_the_numbers_a_lost_attempt_may_have_used() -> None:
    queued = queue.enqueue()
    queue.expire(queue.claim_one().job.pk)
    sweep.requeue_expired_leases()
    assert queue.run_of(queued).next_seq() == sweep.SEQ_JUMP + 1


def test_it_ends_a_suspension_nobody_answered(settings: Any) -> None:
    settings.AGENTSERVER_SUSPENSION_SECONDS = 60
    queued = queue.enqueue()
    queue.suspend(queue.claim_one())
    assert sweep.end_expired_suspensions() == 0
    Run.objects.update(expires_at=now() - timedelta(seconds=1))
    assert sweep.end_expired_suspensions() == 1
    assert queue.run_of(queued).termination_detail == "nobody answered in time"
    assert Lane.objects.get(pk="t").holder_id == ""


def test_it_does_not_end_what_was_answered_in_time(settings: Any) -> None:
    settings.AGENTSERVER_SUSPENSION_SECONDS = 60
    queued = queue.enqueue()
    queue.suspend(queue.claim_one())
    Run.objects.update(expires_at=now() - timedelta(seconds=1))
    Job.objects.create(thread_id="t", run=queued.run, resumes=True)
    assert sweep.end_expired_suspensions() == 0


def test_it_prunes_what_ended_long_ago(settings: Any) -> None:
    settings.AGENTSERVER_JOB_RETENTION_HOURS = 24
    old, recent, waiting = (queue.enqueue(name) for name in "abc")
    for claimed in queue.claim(2):
        queue.finish(claimed)
    IdempotencyKey.objects.create(scope="s", key="k", body_digest="", run=old.run)
    long_ago = now() - timedelta(hours=25)
    Job.objects.exclude(pk=recent.job.pk).update(updated_at=long_ago)
    IdempotencyKey.objects.update(created_at=long_ago)
    assert sweep.prune() == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {recent.job.pk, waiting.job.pk}
    assert not IdempotencyKey.objects.exists()
