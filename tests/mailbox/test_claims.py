"""Taking jobs: one worker each, one job a thread, the urgent first and nobody starved."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from agentserver.core.clock import now, to_ms
from agentserver.core.errors import Conflict
from runs.mailbox import claim as claims
from runs.mailbox import lane as lanes
from runs.mailbox import settle
from runs.mailbox.claim import Claim
from runs.models import Job, Lane, Run
from tests.mailbox import queue
from threads.models import Message


def test_it_claims_each_job_once_however_many_workers_ask(transactional_db: Any) -> None:
    queued = {queue.enqueue(f"t{index}").job.pk for index in range(12)}
    together = threading.Barrier(6)

    def work(_: int) -> list[Claim]:
        together.wait()
        found: list[Claim] = []
        try:
            while claimed := claims.claim(worker="w", limit=3):
                found += claimed
        finally:
            connections.close_all()
        return found

    with ThreadPoolExecutor(6) as pool:
        taken = Counter(each.job.pk for found in pool.map(work, range(6)) for each in found)
    # A worker may see every lane locked by others and go home: what is left is claimed later.
    taken.update(each.job.pk for each in queue.claim(12))
    assert taken == Counter(queued)


def test_it_gives_a_thread_to_one_job_at_a_time() -> None:
    queue.enqueue()
    second = queue.enqueue()
    first = queue.claim_one()
    assert queue.claim() == []
    queue.finish(first)
    assert queue.claim_one().job.pk == second.job.pk


def test_it_takes_the_urgent_first_and_the_older_of_equals() -> None:
    order = [200, 10, 128, 128]
    queued = [queue.enqueue(priority=priority) for priority in order]
    taken = []
    for _ in order:
        claimed = queue.claim_one()
        taken.append(claimed.job.pk)
        queue.finish(claimed)
    assert taken == [queued[index].job.pk for index in (1, 2, 3, 0)]


def test_it_takes_urgent_threads_first() -> None:
    queue.enqueue("later", priority=200)
    queue.enqueue("sooner", priority=10)
    assert queue.claim_one().run.thread_id == "sooner"


def test_it_leaves_alone_what_is_not_due() -> None:
    queued = queue.enqueue()
    later = now() + timedelta(hours=1)
    Job.objects.filter(pk=queued.job.pk).update(available_at=later)
    Lane.objects.update(ready_at=later)
    assert queue.claim() == []


def test_it_shows_the_input_of_a_run_that_begins() -> None:
    queue.enqueue()
    queue.enqueue()
    assert set(Message.objects.values_list("turn", flat=True)) == {None}
    claimed = queue.claim_one()
    assert list(Message.objects.order_by("seq").values_list("turn", flat=True)) == [1, None]
    assert (claimed.run.turn, queue.run_of(claimed).turn) == (1, 1)


def test_it_counts_every_claim_as_an_attempt() -> None:
    queue.enqueue()
    for attempt in (1, 2, 3):
        claimed = queue.claim_one()
        assert (claimed.run.attempt, queue.run_of(claimed).attempt) == (attempt, attempt)
        claims.release(job_id=claimed.job.pk, token=claimed.token)


def test_it_mends_a_lane_that_points_at_nothing() -> None:
    queued = queue.enqueue()
    Job.objects.filter(pk=queued.job.pk).update(state=Job.State.CANCELLED)
    assert queue.claim() == []
    assert not Lane.objects.filter(ready_at__isnull=False).exists()


# --- tokens and leases ---------------------------------------------------------------------------


def test_it_refuses_another_token() -> None:
    queue.enqueue()
    claimed = queue.claim_one()
    job_id = claimed.job.pk
    assert not settle.accept(job_id=job_id, token="stale")
    assert not settle.dead_letter(job_id=job_id, token="stale", error="no")
    assert not settle.retry(job=claimed.job, token="stale", error="no")
    assert not claims.release(job_id=job_id, token="stale")
    assert claims.renew(claims={job_id: "stale"}) == ({job_id}, set())
    assert queue.state_of(claimed) == Job.State.CLAIMED


def test_it_renews_a_lease_and_says_who_was_asked_to_stop() -> None:
    queue.enqueue("a")
    queue.enqueue("b")
    first, second = queue.claim(2)
    queue.expire(first.job.pk)
    Run.objects.filter(pk=second.run.pk).update(cancel_requested=Run.Cancel.CANCEL)
    held = {each.job.pk: each.token for each in (first, second)}
    assert claims.renew(claims=held) == (set(), {second.job.pk})
    assert Job.objects.filter(pk=first.job.pk, lease_until__gt=now()).exists()


def test_it_gives_a_job_back_without_counting_a_failure() -> None:
    queue.enqueue()
    claimed = queue.claim_one()
    assert claims.release(job_id=claimed.job.pk, token=claimed.token)
    again = queue.claim_one()
    assert (again.job.pk, again.job.attempt_count) == (claimed.job.pk, 0)


# --- dedupe keys ---------------------------------------------------------------------------------


def test_it_refuses_a_second_job_with_the_key_of_an_open_one() -> None:
    first = queue.enqueue(dedupe_key="wake")
    with pytest.raises(Conflict):
        queue.enqueue(dedupe_key="wake")
    assert (Job.objects.count(), Run.objects.count(), Message.objects.count()) == (1, 1, 1)
    queue.enqueue("other", dedupe_key="wake")
    queue.finish(next(each for each in queue.claim(2) if each.job.pk == first.job.pk))
    assert queue.enqueue(dedupe_key="wake").job.state == Job.State.QUEUED


# --- fairness ------------------------------------------------------------------------------------


def test_it_serves_a_caller_with_one_run_before_the_backlog_of_another() -> None:
    for index in range(200):
        queue.enqueue(f"busy{index}", resource_id="busy")
    queue.enqueue("alone", resource_id="alone")
    taken = [each.run.thread_id for each in queue.claim(16)]
    assert "alone" in taken


def test_it_serves_the_one_first_even_when_the_backlog_is_old() -> None:
    for index in range(20):
        queue.enqueue(f"busy{index}", resource_id="busy")
    Lane.objects.update(fair_at=F("fair_at") - 15_000)
    queue.enqueue("alone", resource_id="alone")
    taken = [each.run.thread_id for each in queue.claim(4)]
    assert "alone" in taken


def test_it_does_not_count_what_waits_for_people() -> None:
    for index in range(5):
        queue.enqueue(f"a{index}", resource_id="a")
    for claimed in queue.claim(5):
        queue.suspend(claimed)
    queue.enqueue("b", resource_id="b")
    queue.enqueue("a", resource_id="a")
    places = dict(Lane.objects.filter(pk__in="ab").values_list("pk", "fair_at"))
    assert abs(places["a"] - places["b"]) < lanes.FAIR_SLICE_MS


def test_it_alternates_between_equally_busy_callers() -> None:
    for index in range(10):
        queue.enqueue(f"a{index}", resource_id="a")
    for index in range(10):
        queue.enqueue(f"b{index}", resource_id="b")
    taken = Counter(each.run.thread_id[0] for each in queue.claim(10))
    assert min(taken["a"], taken["b"]) >= 4


def test_it_does_not_hold_the_past_against_a_caller() -> None:
    for index in range(5):
        queue.enqueue(f"a{index}", resource_id="a")
    for claimed in queue.claim(5):
        queue.finish(claimed)
    began = to_ms(now())
    queue.enqueue("again", resource_id="a")
    place = Lane.objects.get(pk="again").fair_at
    assert began <= place <= to_ms(now())


# --- costs ---------------------------------------------------------------------------------------


def queries_of(limit: int) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        queue.claim(limit)
    return len(captured)


def test_it_asks_the_database_the_same_whatever_the_backlog() -> None:
    for index in range(3):
        queue.enqueue(f"few{index}")
    few = queries_of(3)
    for index in range(120):
        queue.enqueue(f"many{index}", resource_id="many")
        queue.enqueue(f"many{index}", resource_id="many")
    assert queries_of(3) == few
    assert queries_of(16) == few
    assert few <= 9


def test_it_asks_next_to_nothing_when_idle() -> None:
    assert queries_of(16) <= 4
