"""What every live channel does, in memory and over Redis."""

import asyncio
import threading
from collections.abc import Callable

from asgiref.sync import async_to_sync

from agentserver.core.ids import new_id
from runs.events import live as live_package
from runs.events.live import LiveChannel, Subscription, run_topic, thread_topic
from runs.events.live.base import MAX_QUEUED_BATCHES
from runs.events.live.memory import (
    KEPT_SECONDS_FINISHED,
    SWEEP_SECONDS,
    MemoryChannel,
)
from runs.events.types import Record
from tests.events.samples import deltas, finished, record, whole_run


async def received(subscription: Subscription, count: int) -> list[Record]:
    records: list[Record] = []
    while len(records) < count:
        batches = await subscription.get(10)
        assert batches is not None, f"only {len(records)} of {count} records arrived"
        records += [item for batch in batches for item in batch.records]
    return records


def test_it_delivers_records_to_every_subscription_of_the_run(live: LiveChannel) -> None:
    run_id, records = new_id(), deltas(1, 5)

    async def scenario() -> None:
        topic = [run_topic(run_id)]
        async with live.subscribe(topic) as first, live.subscribe(topic) as second:
            live.publish(run_id, "t", records)
            assert await received(first, 5) == records
            assert await received(second, 5) == records

    async_to_sync(scenario)()


def test_it_knows_what_it_can_still_show(live: LiveChannel) -> None:
    run_id = new_id()
    assert not live.knows(run_id)
    live.publish(run_id, "t", deltas(1, 2))
    async_to_sync(live.flush)(run_id)
    assert live.knows(run_id)


def test_it_keeps_the_order_of_what_threads_publish_one_after_another(live: LiveChannel) -> None:
    run_id = new_id()

    async def scenario() -> list[int]:
        async with live.subscribe([run_topic(run_id)]) as subscription:
            for seq in range(1, 21):
                thread = threading.Thread(target=live.publish, args=(run_id, "t", [record(seq)]))
                thread.start()
                await asyncio.to_thread(thread.join)
            return [item.seq for item in await received(subscription, 20)]

    assert async_to_sync(scenario)() == list(range(1, 21))


def test_it_does_not_deliver_other_runs(live: LiveChannel) -> None:
    run_id = new_id()

    async def scenario() -> None:
        async with live.subscribe([run_topic(run_id)]) as subscription:
            live.publish(new_id(), "t", deltas(1, 3))
            live.publish(run_id, "t", deltas(7, 7))
            assert [item.seq for item in await received(subscription, 1)] == [7]

    async_to_sync(scenario)()


def test_it_keeps_what_was_published_for_late_joiners(live: LiveChannel) -> None:
    run_id, records = new_id(), deltas(1, 30)

    async def scenario() -> None:
        for item in records:
            live.publish(run_id, "t", [item])
        await live.flush(run_id)
        assert await live.buffered(run_id, 0) == records
        assert await live.buffered(run_id, 28) == records[28:]
        assert await live.buffered(run_id, 30) == []
        assert await live.buffered(new_id(), 0) == []

    async_to_sync(scenario)()


def test_it_has_sent_everything_when_flush_returns(live: LiveChannel) -> None:
    run_id = new_id()

    async def scenario() -> None:
        for seq in range(1, 200):
            live.publish(run_id, "t", [record(seq)])
            await live.flush(run_id)
            assert (await live.buffered(run_id, seq - 1))[-1].seq == seq

    async_to_sync(scenario)()


def test_it_brings_thread_notices(live: LiveChannel) -> None:
    thread_id = new_id()

    async def scenario() -> None:
        async with live.subscribe([thread_topic(thread_id)]) as subscription:
            live.notify_thread(thread_id, {"run_id": "r", "turn": 3})
            batches = await subscription.get(10)
            assert [batch.notice for batch in batches or ()] == [{"run_id": "r", "turn": 3}]

    async_to_sync(scenario)()


def test_it_reports_silence_as_none(live: LiveChannel) -> None:
    async def scenario() -> None:
        async with live.subscribe([run_topic(new_id())]) as subscription:
            assert await subscription.get(0.01) is None

    async_to_sync(scenario)()


def until_heard(live: LiveChannel, message: dict[str, str]) -> Callable[[], None]:
    """Registers a callback; the returned function sends until the callback heard the message.

    A control message is a hint: one sent before the subscription stands may be missed.
    """
    heard = threading.Event()
    stop = live.on_control(lambda got: heard.set() if got == message else None)

    def send() -> None:
        for _ in range(200):
            live.send_control(message)
            if heard.wait(0.05):
                stop()
                return
        raise AssertionError("the control message never arrived")

    return send


def test_it_takes_control_messages_from_synchronous_code(live: LiveChannel) -> None:
    until_heard(live, {"kind": "cancel", "run_id": "r"})()


def test_it_takes_control_messages_on_an_event_loop(live: LiveChannel) -> None:
    heard = threading.Event()
    stop = live.on_control(lambda _: heard.set())

    async def scenario() -> None:
        for _ in range(200):
            live.send_control({"kind": "cancel"})
            if await asyncio.to_thread(heard.wait, 0.05):
                return

    async_to_sync(scenario)()
    stop()
    assert heard.is_set()


def test_it_drops_the_queue_of_a_slow_reader_and_says_so(live: LiveChannel) -> None:
    run_id = new_id()

    async def scenario() -> None:
        async with live.subscribe([run_topic(run_id)]) as slow:
            for seq in range(1, MAX_QUEUED_BATCHES + 2):
                slow.deliver(live_package.LiveBatch(run_topic(run_id), records=(record(seq),)))
            batches = await slow.get(5)
            assert batches is not None
            assert [batch.lost for batch in batches] == [True]
            live.publish(run_id, "t", [record(1)])
            assert [item.seq for item in await received(slow, 1)] == [1]

    async_to_sync(scenario)()


def test_it_survives_what_cannot_be_encoded(live: LiveChannel) -> None:
    run_id = new_id()
    live.publish(run_id, "t", [record(1, finished().model_copy(update={"output": "\ud800"}))])

    async def scenario() -> None:
        async with live.subscribe([run_topic(run_id)]) as subscription:
            live.publish(run_id, "t", deltas(2, 2))
            assert [item.seq for item in await received(subscription, 1)] == [2]

    async_to_sync(scenario)()


def test_it_answers_a_ping(live: LiveChannel) -> None:
    async_to_sync(live.ping)()


def test_it_forgets_a_finished_run_after_a_while() -> None:
    now = 0.0
    channel = MemoryChannel(clock=lambda: now)
    channel.publish("r", "t", whole_run(3))
    now = KEPT_SECONDS_FINISHED - 1
    channel.publish("other", "t", deltas(1, 1))
    assert len(async_to_sync(channel.buffered)("r", 0)) == 3
    now += SWEEP_SECONDS + 1
    channel.publish("other", "t", deltas(2, 2))
    assert async_to_sync(channel.buffered)("r", 0) == []


def test_it_starts_over_after_a_reset(memory_channel: MemoryChannel) -> None:
    assert live_package.channel() is memory_channel
    live_package.reset()
    assert live_package.channel() is not memory_channel
    assert live_package.channel() is live_package.channel()
