"""Reading a run's log: stored pages, replay, and following it live."""

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import InterfaceError, OperationalError, connections
from pytest_django import DjangoAssertNumQueries

from agentserver.core.database import in_database
from agentserver.core.errors import Unavailable
from runs.events import follower, log
from runs.events.live import LiveChannel, base
from runs.events.live.memory import MemoryChannel
from runs.events.segments import SEGMENT_RECORDS
from runs.events.types import Record, RunStarted, RunSuspended
from runs.models import Run, RunEvents
from tests.events.samples import (
    commit,
    deltas,
    drain,
    finished,
    make_run,
    record,
    reset,
    started,
    take,
    whole_run,
)

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)


def seqs(records: Sequence[Record | None]) -> list[int]:
    return [item.seq for item in records if item is not None]


def suspended() -> RunSuspended:
    return RunSuspended(thread_id="t", run_id="r", tickets=[], reason="tool_permission")


def test_it_reads_pages_across_segments() -> None:
    run = make_run()
    log.append_segment(run.pk, deltas(1, 10))
    log.append_segment(run.pk, deltas(11, 20))
    assert log.read(run.pk, 0) == deltas(1, 20)
    assert log.read(run.pk, 8, 4) == deltas(9, 12)
    assert log.read(run.pk, 20) == []
    assert log.last_seq(run.pk) == 20


def test_it_writes_nothing_for_no_records() -> None:
    run = make_run()
    log.append_segment(run.pk, [])
    assert log.last_seq(run.pk) == 0


def test_it_splits_a_long_step_so_that_a_page_stays_cheap() -> None:
    run = make_run()
    log.append_segment(run.pk, deltas(1, 3 * SEGMENT_RECORDS))
    sizes = [len(row.events) for row in RunEvents.objects.filter(run=run)]
    assert sizes == [SEGMENT_RECORDS] * 3
    assert seqs(log.read(run.pk, SEGMENT_RECORDS + 7, 2)) == [
        SEGMENT_RECORDS + 8,
        SEGMENT_RECORDS + 9,
    ]


def test_it_reads_any_page_of_a_long_log_with_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    run = make_run()
    for start in range(1, 400, 10):
        log.append_segment(run.pk, deltas(start, start + 9))
    with django_assert_num_queries(1):
        assert seqs(log.read(run.pk, 300, 50)) == list(range(301, 351))


def test_it_replays_a_finished_run_and_ends(live: LiveChannel) -> None:
    run = make_run()
    commit(run, whole_run(12), done=True)
    assert async_to_sync(drain)(log.follow(run.pk)) == whole_run(12)


def test_it_replays_exactly_the_rest_from_any_cut(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(40)
    commit(run, records[:15])
    commit(run, records[15:31])
    live.publish(run.pk, run.thread_id, records)
    commit(run, records[31:], done=True)

    async def scenario() -> None:
        for cut in range(41):
            rest = await drain(log.follow(run.pk, cut))
            assert [item.dump() for item in rest] == [item.dump() for item in records[cut:]]

    async_to_sync(scenario)()


def test_it_tells_what_is_known_so_far(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(20)
    commit(run, records[:5])

    async def scenario() -> None:
        live.publish(run.pk, run.thread_id, records[5:12])
        live.publish(run.pk, run.thread_id, records[14:16])
        await live.flush(run.pk)
        assert await log.so_far(run.pk) == records[:12]
        assert await log.so_far(run.pk, 3, 4) == records[3:7]

    async_to_sync(scenario)()


def test_it_continues_live_after_the_replay(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(10)
    commit(run, records[:4])

    async def scenario() -> None:
        stream = log.follow(run.pk)
        assert await take(stream, 4) == records[:4]
        live.publish(run.pk, run.thread_id, records[4:])
        assert await drain(stream) == records[4:]

    async_to_sync(scenario)()


def test_it_shows_a_late_viewer_what_is_not_committed_yet(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(20)
    commit(run, records[:5])

    async def scenario() -> None:
        live.publish(run.pk, run.thread_id, records[5:12])
        await live.flush(run.pk)
        stream = log.follow(run.pk)
        assert await take(stream, 12) == records[:12]
        live.publish(run.pk, run.thread_id, records[12:])
        assert await drain(stream) == records[12:]

    async_to_sync(scenario)()


def test_it_gives_two_viewers_the_same_ids(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(60)

    async def scenario() -> None:
        first = asyncio.create_task(drain(log.follow(run.pk, fresh=True)))
        live.publish(run.pk, run.thread_id, records[:30])
        await live.flush(run.pk)
        second = asyncio.create_task(drain(log.follow(run.pk)))
        for item in records[30:]:
            live.publish(run.pk, run.thread_id, [item])
            await asyncio.sleep(0)
        assert await first == await second == records

    async_to_sync(scenario)()


def test_it_asks_the_database_nothing_for_a_fresh_run(
    live: LiveChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, records = make_run(), whole_run(10)

    async def refuse(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(follower, "in_database", refuse)

    async def scenario() -> None:
        live.publish(run.pk, run.thread_id, records[:3])
        await live.flush(run.pk)
        stream = log.follow(run.pk, fresh=True)
        assert await take(stream, 3) == records[:3]
        live.publish(run.pk, run.thread_id, records[3:])
        assert await drain(stream) == records[3:]

    async_to_sync(scenario)()


def test_it_ticks_while_nothing_happens(live: LiveChannel) -> None:
    run = make_run()
    commit(run, deltas(1, 2))

    async def scenario() -> None:
        stream = log.follow(run.pk, heartbeat=0.02)
        assert (await take(stream, 4))[2:] == [None, None]
        await stream.aclose()

    async_to_sync(scenario)()


def test_it_finds_an_end_that_the_live_channel_never_told(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(6)
    commit(run, records[:3])

    async def scenario() -> None:
        stream = log.follow(run.pk, heartbeat=0.05)
        await take(stream, 3)
        await sync_to_async(commit)(run, records[3:], done=True)
        assert await drain(stream) == records[3:]

    async_to_sync(scenario)()


def test_it_ends_when_the_run_is_deleted(live: LiveChannel) -> None:
    run = make_run()
    commit(run, deltas(1, 2))

    async def scenario() -> None:
        stream = log.follow(run.pk, heartbeat=0.05)
        await take(stream, 2)
        await sync_to_async(run.thread.delete)()
        assert await drain(stream) == []

    async_to_sync(scenario)()


def test_it_ends_at_once_behind_the_last_event(live: LiveChannel) -> None:
    run = make_run()
    commit(run, whole_run(5), done=True)
    assert async_to_sync(drain)(log.follow(run.pk, 5)) == []


def test_it_closes_a_gap_from_the_log(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(12)
    commit(run, records[:2])

    async def scenario() -> None:
        stream = log.follow(run.pk)
        await take(stream, 2)
        await sync_to_async(commit)(run, records[2:8])
        live.publish(run.pk, run.thread_id, records[8:])
        assert await drain(stream) == records[2:]

    async_to_sync(scenario)()


def test_it_waits_for_the_log_where_live_events_are_missing(live: LiveChannel) -> None:
    run, records = make_run(), whole_run(12)
    commit(run, records[:2])

    async def scenario() -> None:
        stream = log.follow(run.pk, heartbeat=0.1)
        await take(stream, 2)
        live.publish(run.pk, run.thread_id, records[5:9])
        assert await anext(stream) is None
        await sync_to_async(commit)(run, records[2:9])
        live.publish(run.pk, run.thread_id, records[9:])
        assert await drain(stream) == records[2:]

    async_to_sync(scenario)()


def test_it_crosses_the_gap_of_an_attempt_that_was_given_up(live: LiveChannel) -> None:
    run = make_run()
    commit(run, [record(1, started()), *deltas(2, 4)])
    redone = [record(1001, started(2)), record(1002, reset(4)), *deltas(1003, 1005)]

    async def scenario() -> None:
        live.publish(run.pk, run.thread_id, deltas(5, 7))
        stream = log.follow(run.pk)
        assert seqs(await take(stream, 7)) == [1, 2, 3, 4, 5, 6, 7]
        live.publish(run.pk, run.thread_id, [*redone, record(1006, finished())])
        assert seqs(await drain(stream)) == [1001, 1002, 1003, 1004, 1005, 1006]

    async_to_sync(scenario)()


def test_it_does_not_take_a_resumption_for_an_empty_gap(live: LiveChannel) -> None:
    run = make_run()
    commit(run, deltas(1, 3))
    resumed = record(8, RunStarted(**{**started().model_dump(), "cause": "resume"}))

    async def scenario() -> None:
        stream = log.follow(run.pk)
        await take(stream, 3)
        await sync_to_async(commit)(run, [*deltas(4, 6), record(7, suspended())])
        live.publish(run.pk, run.thread_id, [resumed, record(9, finished())])
        assert seqs(await drain(stream)) == [4, 5, 6, 7, 8, 9]

    async_to_sync(scenario)()


def test_it_stays_open_across_a_suspension(live: LiveChannel) -> None:
    run = make_run()
    commit(run, [record(1, started()), record(2, suspended())])

    async def scenario() -> None:
        stream = log.follow(run.pk)
        await take(stream, 2)
        live.publish(run.pk, run.thread_id, [record(3, started()), record(4, finished())])
        assert seqs(await drain(stream)) == [3, 4]

    async_to_sync(scenario)()


def test_it_stops_at_a_suspension_when_asked(live: LiveChannel) -> None:
    run = make_run(status="waiting")
    commit(run, [record(1, started()), record(2, suspended())])
    assert seqs(async_to_sync(drain)(log.follow(run.pk, stop_on_suspend=True))) == [1, 2]


def test_it_does_not_stop_at_a_suspension_that_is_over(live: LiveChannel) -> None:
    run = make_run()
    events = [record(1, started()), record(2, suspended()), record(3, started())]
    commit(run, [*events, record(4, finished())], done=True)
    assert seqs(async_to_sync(drain)(log.follow(run.pk, stop_on_suspend=True))) == [1, 2, 3, 4]


def test_it_serves_a_slow_reader_from_the_log(
    live: LiveChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_QUEUED_BATCHES", 3)
    run, records = make_run(), whole_run(200)

    async def scenario() -> None:
        stream = log.follow(run.pk, fresh=True)
        live.publish(run.pk, run.thread_id, records[:1])
        assert await take(stream, 1) == records[:1]
        for item in records[1:]:
            live.publish(run.pk, run.thread_id, [item])
            await live.flush(run.pk)
        assert await drain(stream) == records[1:]

    async_to_sync(scenario)()


def test_it_looks_at_the_log_while_the_live_buffer_is_away(
    memory_channel: MemoryChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "DISCONNECTED_SECONDS", 0.02)
    run, records = make_run(), whole_run(6)

    async def away(run_id: str, after_seq: int) -> list[Record]:
        raise Unavailable("away")

    monkeypatch.setattr(memory_channel, "buffered", away)

    async def scenario() -> None:
        following = asyncio.create_task(drain(log.follow(run.pk, fresh=True)))
        await sync_to_async(commit)(run, records, done=True)
        assert await following == records

    async_to_sync(scenario)()


def test_it_waits_for_a_database_that_is_away(
    live: LiveChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "GAP_SECONDS", 0.02)
    run, records = make_run(), whole_run(12)
    commit(run, records[:2])
    real, refusals = follower.read_page, iter([OperationalError("gone"), InterfaceError("closed")])

    def refuse_twice(run_id: str, after_seq: int) -> follower.Page:
        for error in refusals:
            raise error
        return real(run_id, after_seq)

    monkeypatch.setattr(follower, "read_page", refuse_twice)

    async def scenario() -> None:
        stream = log.follow(run.pk)
        await take(stream, 2)
        live.publish(run.pk, run.thread_id, records[5:])
        await sync_to_async(commit)(run, records[2:], done=True)
        assert await drain(stream) == records[2:]

    async_to_sync(scenario)()


def test_it_gives_its_database_connection_back_before_it_waits() -> None:
    used: list[BaseDatabaseWrapper] = []

    def work() -> None:
        Run.objects.exists()
        used.append(connections["default"])
        assert used[0].connection is not None

    async_to_sync(in_database)(work)
    assert used[0] is not connections["default"]
    assert used[0].connection is None


def test_it_takes_a_cancellation_while_it_reads_the_database() -> None:
    began, gate = threading.Event(), threading.Event()

    def read_slowly() -> None:
        began.set()
        gate.wait(10)

    async def cancelled() -> bool:
        task = asyncio.ensure_future(in_database(read_slowly))
        await asyncio.to_thread(began.wait)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        gate.set()
        return task.cancelled()

    assert async_to_sync(cancelled)()
