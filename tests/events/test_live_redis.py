"""What only the live channel over Redis has to survive."""

import asyncio
from collections.abc import Iterator

import pytest
import redis
from asgiref.sync import async_to_sync

from agentserver.core.errors import Unavailable
from agentserver.core.ids import new_id
from runs.events.live import Subscription, publisher, run_topic
from runs.events.live.redis import RedisChannel
from runs.events.types import Record
from tests.events.proxy import Proxy
from tests.events.samples import deltas, record, whole_run


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    proxy = Proxy(redis_url)
    yield proxy
    proxy.close()


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    yield client
    client.close()


async def close(*channels: RedisChannel) -> None:
    from agentserver.core.loops import submit

    for channel in channels:
        await asyncio.wrap_future(submit(channel.close()))


async def collect(subscription: Subscription, last_seq: int) -> tuple[list[Record], bool]:
    """Records until `last_seq` arrived, and whether a loss was announced on the way."""
    records: list[Record] = []
    lost = False
    async with asyncio.timeout(20):
        while not records or records[-1].seq < last_seq:
            for batch in await subscription.get() or ():
                lost = lost or batch.lost
                records += batch.records
    return records, lost


def test_it_packs_deltas_of_a_tick_into_one_message(redis_channel: RedisChannel) -> None:
    run_id = new_id()

    async def scenario() -> int:
        count = 0
        async with redis_channel.subscribe([run_topic(run_id)]) as subscription:
            for item in deltas(1, 500):
                redis_channel.publish(run_id, "t", [item])
            while True:
                for batch in await subscription.get(10) or ():
                    count += 1
                    if batch.records[-1].seq == 500:
                        return count

    assert async_to_sync(scenario)() < 50


def test_it_sends_the_first_event_without_waiting_for_a_tick(
    redis_channel: RedisChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "TICK_SECONDS", 3600)
    run_id = new_id()

    async def scenario() -> None:
        async with redis_channel.subscribe([run_topic(run_id)]) as subscription:
            redis_channel.publish(run_id, "t", deltas(1, 1))
            assert (await collect(subscription, 1))[0] == deltas(1, 1)

    async_to_sync(scenario)()


def test_it_flushes_in_the_middle_of_a_tick(
    redis_channel: RedisChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "TICK_SECONDS", 3600)
    run_id = new_id()

    async def scenario() -> None:
        async with redis_channel.subscribe([run_topic(run_id)]) as subscription:
            redis_channel.publish(run_id, "t", deltas(1, 1))
            await collect(subscription, 1)
            redis_channel.publish(run_id, "t", deltas(2, 3))
            await redis_channel.flush(run_id)
            assert (await collect(subscription, 3))[0] == deltas(2, 3)

    async_to_sync(scenario)()


def test_it_uses_one_pubsub_connection_for_all_readers_of_a_loop(
    redis_channel: RedisChannel, server: redis.Redis
) -> None:
    async def scenario() -> int:
        async with (
            redis_channel.subscribe([run_topic("a")]),
            redis_channel.subscribe([run_topic("b")]),
            redis_channel.subscribe([run_topic("a"), run_topic("c")]),
        ):
            return len(await asyncio.to_thread(server.client_list, "pubsub"))

    assert async_to_sync(scenario)() == 1


def test_it_leaves_no_subscription_behind(redis_channel: RedisChannel, server: redis.Redis) -> None:
    run_id = new_id()

    async def scenario() -> None:
        async with redis_channel.subscribe([run_topic("stays")]):
            async with redis_channel.subscribe([run_topic(run_id)]):
                pass
            # The answer to this one comes after the one to leaving.
            async with redis_channel.subscribe([run_topic("next")]):
                pass
            names = await asyncio.to_thread(server.pubsub_channels, f"*{run_id}")
            assert names == []

    async_to_sync(scenario)()


def test_it_hears_again_after_leaving_and_coming_back_at_once(redis_channel: RedisChannel) -> None:
    run_id = new_id()

    async def scenario() -> None:
        for seq in range(1, 51):
            async with redis_channel.subscribe([run_topic(run_id)]) as subscription:
                redis_channel.publish(run_id, "t", [record(seq)])
                assert (await collect(subscription, seq))[0] == [record(seq)]

    async_to_sync(scenario)()


def test_it_says_lost_after_its_connection_was_killed_and_goes_on(
    redis_channel: RedisChannel, server: redis.Redis
) -> None:
    run_id = new_id()

    async def scenario() -> None:
        async with redis_channel.subscribe([run_topic(run_id)]) as subscription:
            await asyncio.to_thread(server.client_kill_filter, _type="pubsub")
            async with asyncio.timeout(10):
                batches = await subscription.get()
            assert batches is not None
            assert batches[0].lost
            redis_channel.publish(run_id, "t", deltas(1, 1))
            assert (await collect(subscription, 1))[0] == deltas(1, 1)

    async_to_sync(scenario)()


def test_it_publishes_what_waited_during_an_outage(proxy: Proxy, redis_url: str) -> None:
    worker, web = RedisChannel(proxy.url), RedisChannel(redis_url)
    run_id = new_id()

    async def scenario() -> None:
        async with web.subscribe([run_topic(run_id)]) as subscription:
            worker.publish(run_id, "t", deltas(1, 2))
            await collect(subscription, 2)
            await asyncio.to_thread(proxy.cut)
            for item in deltas(3, 20):
                worker.publish(run_id, "t", [item])
            await worker.flush(run_id)
            await asyncio.to_thread(proxy.mend)
            assert (await collect(subscription, 20))[0] == deltas(3, 20)
            assert await web.buffered(run_id, 0) == deltas(1, 20)
        await close(worker, web)

    async_to_sync(scenario)()


def test_it_subscribes_late_when_redis_was_away(proxy: Proxy, redis_url: str) -> None:
    worker, web = RedisChannel(redis_url), RedisChannel(proxy.url)
    run_id = new_id()
    proxy.cut()

    async def scenario() -> None:
        async with web.subscribe([run_topic(run_id)]) as subscription:
            assert not subscription.connected
            with pytest.raises(Unavailable):
                await web.buffered(run_id, 0)
            await asyncio.to_thread(proxy.mend)
            async with asyncio.timeout(20):
                batches = await subscription.get()
            assert batches is not None
            assert batches[0].lost
            assert subscription.connected
            worker.publish(run_id, "t", deltas(1, 1))
            assert (await collect(subscription, 1))[0] == deltas(1, 1)
        await close(worker, web)

    async_to_sync(scenario)()


def test_it_bounds_what_waits_for_redis(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher, "MAX_PENDING_BYTES", 10_000)
    proxy.cut()
    channel = RedisChannel(proxy.url)
    for number in range(50):
        channel.publish(f"run-{number}", "t", deltas(1, 10))
    waiting = channel._publisher._bytes
    async_to_sync(close)(channel)
    assert waiting <= 10_000
    assert "readers will use the log" in caplog.text


def test_it_lets_the_stream_of_a_finished_run_expire(
    redis_channel: RedisChannel, server: redis.Redis
) -> None:
    run_id = new_id()
    redis_channel.publish(run_id, "t", whole_run(4))
    async_to_sync(redis_channel.flush)(run_id)
    key = redis_channel._address.stream(run_id)
    assert 0 < server.ttl(key) <= publisher.KEPT_SECONDS_FINISHED


def test_it_serves_a_burst_of_late_joiners(redis_channel: RedisChannel) -> None:
    run_id, records = new_id(), deltas(1, 20)

    async def scenario() -> None:
        redis_channel.publish(run_id, "t", records)
        await redis_channel.flush(run_id)
        reads = [redis_channel.buffered(run_id, 0) for _ in range(300)]
        assert all(found == records for found in await asyncio.gather(*reads))

    async_to_sync(scenario)()


def test_it_says_unavailable_when_redis_is_away(proxy: Proxy) -> None:
    proxy.cut()
    channel = RedisChannel(proxy.url)

    async def scenario() -> None:
        with pytest.raises(Unavailable):
            await channel.ping()
        await close(channel)

    async_to_sync(scenario)()


def test_it_keeps_deployments_on_different_databases_apart(redis_url: str) -> None:
    here = RedisChannel(redis_url)
    there = RedisChannel(redis_url.removesuffix("/0") + "/1")
    run_id = new_id()

    async def scenario() -> None:
        async with here.subscribe([run_topic(run_id)]) as subscription:
            there.publish(run_id, "t", deltas(1, 1))
            await there.flush(run_id)
            here.publish(run_id, "t", deltas(2, 2))
            assert (await collect(subscription, 2))[0] == deltas(2, 2)
        await close(here, there)

    async_to_sync(scenario)()
