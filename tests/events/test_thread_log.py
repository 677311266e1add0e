"""Following all runs of a thread as one stream."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from runs.events import log
from runs.events.live import LiveChannel
from runs.events.types import Record
from runs.models import Run
from tests.events.samples import commit, deltas, make_run, record, started, take, whole_run
from threads.models import Thread

pytestmark = pytest.mark.django_db(transaction=True)


def finished_run(thread: Thread, turn: int, length: int) -> Run:
    run = make_run(turn=turn, thread=thread)
    commit(run, whole_run(length), done=True)
    return run


def places(items: list[tuple[str, int, Record] | None]) -> list[tuple[str, int, int]]:
    return [(run_id, turn, item.seq) for run_id, turn, item in filter(None, items)]


def test_it_plays_the_runs_in_the_order_of_their_turns(live: LiveChannel) -> None:
    thread = Thread.objects.create()
    second, first = finished_run(thread, 2, 3), finished_run(thread, 1, 3)
    finished_run(Thread.objects.create(), 1, 3)

    async def scenario() -> None:
        stream = log.follow_thread(thread.pk)
        expected = [(first.pk, 1, n) for n in (1, 2, 3)] + [(second.pk, 2, n) for n in (1, 2, 3)]
        assert places(await take(stream, 6)) == expected
        await stream.aclose()

    async_to_sync(scenario)()


def test_it_continues_from_any_position(live: LiveChannel) -> None:
    thread = Thread.objects.create()
    finished_run(thread, 1, 4)
    finished_run(thread, 2, 4)
    everything = [(turn, seq) for turn in (1, 2) for seq in (1, 2, 3, 4)]

    async def scenario() -> None:
        for cut, position in enumerate(everything[:-1], start=1):
            stream = log.follow_thread(thread.pk, position)
            rest = places(await take(stream, len(everything) - cut))
            assert [(turn, seq) for _, turn, seq in rest] == everything[cut:]
            await stream.aclose()

    async_to_sync(scenario)()


def test_it_goes_on_with_a_run_that_gets_its_turn_later(live: LiveChannel) -> None:
    thread = Thread.objects.create()
    finished_run(thread, 1, 3)
    queued = make_run(status="created", turn=None, thread=thread)

    def begin() -> None:
        queued.turn, queued.status = 2, Run.Status.RUNNING
        queued.save()
        live.notify_thread(thread.pk, {"run_id": queued.pk, "turn": 2})

    async def scenario() -> None:
        stream = log.follow_thread(thread.pk)
        await take(stream, 3)
        waiting = asyncio.create_task(take(stream, 2))
        await sync_to_async(begin)()
        live.publish(queued.pk, thread.pk, [record(1, started()), *deltas(2, 2)])
        assert places(await waiting) == [(queued.pk, 2, 1), (queued.pk, 2, 2)]
        await stream.aclose()

    async_to_sync(scenario)()


def test_it_ticks_while_the_thread_is_idle(live: LiveChannel) -> None:
    thread = Thread.objects.create()

    async def scenario() -> None:
        stream = log.follow_thread(thread.pk, heartbeat=0.02)
        assert await take(stream, 2) == [None, None]
        await stream.aclose()

    async_to_sync(scenario)()


def test_it_ends_when_the_thread_is_deleted(live: LiveChannel) -> None:
    thread = Thread.objects.create()
    finished_run(thread, 1, 2)

    async def scenario() -> None:
        stream = log.follow_thread(thread.pk, heartbeat=0.05)
        await take(stream, 2)
        await sync_to_async(thread.delete)()
        async with asyncio.timeout(20):
            assert [item async for item in stream if item] == []

    async_to_sync(scenario)()


def test_it_knows_where_now_is() -> None:
    thread = Thread.objects.create()
    assert log.thread_end(thread.pk) == (0, 0)
    finished_run(thread, 1, 3)
    finished_run(thread, 2, 5)
    make_run(status="created", turn=None, thread=thread)
    assert log.thread_end(thread.pk) == (2, 5)
