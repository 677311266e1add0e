"""Webhooks get the events of their task: in order, at least once, and at nobody's cost."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core import loops
from agentserver.core.database import in_database
from agentserver.core.egress import resolving
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push import claims, configs, delivery
from runs.events.segments import read
from runs.events.types import RunStarted
from runs.services import Decided, submit_decision
from tests.api.native_stream import ECHO, calling
from tests.engine.lab import MISSING
from tests.engine_fixture import Engine
from tests.faces.a2a_push import (
    COMPLETED,
    WHOLE_STORY,
    WORKING,
    begin,
    create,
    hurry,
    row_of,
    settled,
    story,
    what,
)
from tests.processes import wait_until
from tests.receiver import Answer, Received, Receiver, receiving

Json = dict[str, Any]

ASK = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}


@pytest.fixture
def receiver(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    hurry(monkeypatch)
    with receiving() as running:
        settings.AGENTSERVER_EGRESS_ALLOW = [running.address]
        yield running


@pytest.fixture
def webhooks(receiver: Receiver, engine: Engine) -> Engine:
    """The receiver comes first: the worker must not start before the pauses are short."""
    engine.agent("echo", ECHO)
    return engine


def failing(times: int, status: int = 500) -> Any:
    """Answers with an error so many times, then with 200."""
    left = iter(range(times))
    return lambda _: Answer(status if next(left, None) is not None else 200)


def test_it_tells_the_story_in_order(webhooks: Engine, receiver: Receiver) -> None:
    run = begin({"url": receiver.url})
    row = settled(run)
    assert story(receiver) == WHOLE_STORY
    artifact = receiver.received[1].json["artifactUpdate"]
    assert artifact["artifact"]["parts"] == [{"text": "hello"}]
    assert artifact["lastChunk"] is True
    assert (row.state, row.delivered, row.last_status, row.attempts) == ("done", 3, 200, 0)
    assert row.claimed_until is None


def test_it_sends_the_headers(webhooks: Engine, receiver: Receiver) -> None:
    secret = {"scheme": "Bearer", "credentials": "swordfish"}
    begin({"url": f"{receiver.url}/in?q=1", "token": "sesame", "authentication": secret})
    first = receiver.wait_for(1)[0]
    assert first.path == "/in?q=1"
    assert first.headers["content-type"] == "application/a2a+json"
    assert first.headers["authorization"] == "Bearer swordfish"
    assert first.headers["x-a2a-notification-token"] == "sesame"


def test_it_sends_no_headers_that_nobody_asked_for(webhooks: Engine, receiver: Receiver) -> None:
    begin({"url": receiver.url})
    first = receiver.wait_for(1)[0]
    assert {"authorization", "x-a2a-notification-token"} & set(first.headers) == set()


@pytest.mark.parametrize("status", [302, 400, 500])
def test_it_tries_again(webhooks: Engine, receiver: Receiver, status: int) -> None:
    receiver.answer = failing(2, status)
    run = begin({"url": receiver.url})
    row = settled(run)
    assert story(receiver) == [WORKING, WORKING, *WHOLE_STORY]
    assert receiver.received[0].body == receiver.received[2].body
    assert (row.state, row.attempts, row.last_error) == ("done", 0, "")


def test_it_gives_up_without_harm_to_the_task_and_begins_again_when_told(
    webhooks: Engine, receiver: Receiver, settings: Any
) -> None:
    settings.AGENTSERVER_PUSH_ATTEMPTS = 2
    receiver.answer = lambda request: Answer(200 if what(request) == WORKING else 503)
    run = begin({"url": receiver.url})
    dead = settled(run)
    assert (dead.state, dead.attempts, dead.last_status) == ("dead", 2, 503)
    assert dead.last_error == "HTTP status 503"
    assert webhooks.finished(run.pk).termination_code == "natural"
    receiver.received.clear()
    receiver.answer = lambda _: Answer()
    claims.deliver_again(dead.pk)
    assert settled(run).state == "done"
    assert story(receiver) == WHOLE_STORY[1:]


def test_it_serves_each_webhook_of_a_task(webhooks: Engine, receiver: Receiver) -> None:
    receiver.answer = lambda request: Answer(500 if request.path == "/broken" else 200)
    run = begin(
        {"id": "one", "url": f"{receiver.url}/one"},
        {"id": "broken", "url": f"{receiver.url}/broken"},
        {"id": "two", "url": f"{receiver.url}/two"},
    )
    assert settled(run, "one").state == settled(run, "two").state == "done"
    assert story(receiver, "/one") == story(receiver, "/two") == WHOLE_STORY
    assert settled(run, "broken").state == "dead"


def test_it_tells_a_late_webhook_everything(webhooks: Engine, receiver: Receiver) -> None:
    run = webhooks.finished(begin().pk)
    create(run, url=receiver.url)
    assert settled(run).state == "done"
    assert story(receiver) == WHOLE_STORY


def test_it_goes_to_the_new_address_of_a_replaced_config(
    webhooks: Engine, receiver: Receiver
) -> None:
    receiver.answer = lambda request: Answer(500 if request.path == "/old" else 200)
    run = begin({"url": f"{receiver.url}/old", "token": "old"})
    receiver.wait_for(1)
    create(run, url=f"{receiver.url}/new")
    assert settled(run).state == "done"
    assert story(receiver, "/new") == WHOLE_STORY
    new = [request for request in receiver.received if request.path == "/new"]
    assert all("x-a2a-notification-token" not in request.headers for request in new)


def test_it_stops_for_a_deleted_config(webhooks: Engine, receiver: Receiver) -> None:
    held = Held(receiver)
    run = begin({"url": receiver.url})
    receiver.wait_for(1)
    configs.delete_config(principal=ANONYMOUS, tenant=None, task_id=run.pk, config_id="hook")
    webhooks.finished(run.pk)
    held.release()
    after = begin({"id": "next", "url": f"{receiver.url}/next"})
    settled(after, "next")
    assert story(receiver) == [WORKING]


def test_it_tells_of_a_task_that_waits_and_goes_on(
    receiver: Receiver, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "IDLE_SECONDS", 0.05)

    def erase(path: str = "x") -> str:
        """Erases a file."""
        return f"{path} is gone"

    name = engine.tool(erase)
    engine.agent("eraser", calling(name), tools=[name], permission=ASK)
    run = begin({"url": receiver.url}, agent="eraser")
    waiting = ["TASK_STATE_WORKING", "TASK_STATE_AUTH_REQUIRED"]
    receiver.wait_for(2)
    assert story(receiver) == waiting
    # Nobody watches what only waits.
    wait_until(lambda: not row_of(run).claimed_by, what="the claim to be given back")
    decided = Decided(reference="perm_c1", action="resume")
    submit_decision(principal=ANONYMOUS, any_id=run.pk, decided=decided, missing=MISSING)
    assert settled(run).state == "done"
    assert story(receiver) == [*waiting, *WHOLE_STORY]


class Held:
    """The receiver keeps its answers back until the test says otherwise."""

    def __init__(self, receiver: Receiver) -> None:
        self._released = threading.Event()
        self.most = self._now = 0
        self._lock = threading.Lock()
        receiver.answer = self._answer

    def _answer(self, _: Received) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._released.wait(20)
        with self._lock:
            self._now -= 1
        return Answer()

    def release(self) -> None:
        self._released.set()


def another_worker(name: str) -> Future[None]:
    async def in_db(work: Any, *arguments: Any, **options: Any) -> Any:
        return await in_database(partial(work, *arguments, **options))

    worker: Any = SimpleNamespace(worker_id=name, in_db=in_db)
    return loops.submit(delivery.deliver(worker))


def test_it_keeps_a_config_that_it_claimed_anew() -> None:
    """The old claim was given back while it was being renewed."""

    async def cancelled() -> bool:
        other = asyncio.get_running_loop().create_future()

        async def in_db(work: Any, **options: Any) -> set[int]:
            made._rows[1] = PushConfig(pk=1, claimed_by="new")
            return set(options["claims"])

        unused: Any = None
        worker: Any = SimpleNamespace(worker_id="w", in_db=in_db)
        made: Any = delivery.Deliverer(worker, unused)
        made._rows[1], made._tasks[1] = PushConfig(pk=1, claimed_by="old"), other
        await made._renew()
        return other.cancelled()

    assert not loops.run_sync(cancelled(), 10)


def test_it_delivers_from_one_worker_at_a_time(webhooks: Engine, receiver: Receiver) -> None:
    others = [another_worker(f"other-{number}") for number in range(2)]
    try:
        held = Held(receiver)
        runs = [begin({"url": f"{receiver.url}/{number}"}) for number in range(3)]
        receiver.wait_for(3)
        held.release()
        assert [settled(run).state for run in runs] == ["done"] * 3
        assert [story(receiver, f"/{number}") for number in range(3)] == [WHOLE_STORY] * 3
        assert held.most == 3
    finally:
        for other in others:
            other.cancel()


def test_it_goes_on_where_a_killed_worker_stopped(
    webhooks: Engine, receiver: Receiver, settings: Any
) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = []
    run = webhooks.finished(begin().pk)
    started = next(each.seq for each in read(run.pk) if isinstance(each.event, RunStarted))
    PushConfig.objects.create(
        run=run,
        config_id="hook",
        url=receiver.url,
        position=started,
        delivered=1,
        claimed_by="killed",
        claimed_until="2020-01-01T00:00:00Z",
    )
    settings.AGENTSERVER_EGRESS_ALLOW = [receiver.address]
    assert settled(run).delivered == 3
    assert story(receiver) == WHOLE_STORY[1:]


def test_it_goes_on_between_two_notifications_of_one_event(
    webhooks: Engine, receiver: Receiver
) -> None:
    run = webhooks.finished(begin().pk)
    PushConfig.objects.create(
        run=run, config_id="hook", url=receiver.url, position=run.last_seq - 1, part=1
    )
    settled(run)
    assert story(receiver) == [COMPLETED]


def test_it_gives_its_claims_back_when_the_worker_stops(
    webhooks: Engine, receiver: Receiver
) -> None:
    held = Held(receiver)
    run = begin({"url": receiver.url})
    receiver.wait_for(1)
    webhooks.stop()
    held.release()
    row = row_of(run)
    assert (row.state, row.claimed_by, row.claimed_until) == ("active", "", None)


def test_it_refuses_a_name_that_leads_inside_and_leaves_the_task_alone(
    webhooks: Engine,
    receiver: Receiver,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.AGENTSERVER_PUSH_ATTEMPTS = 2
    monkeypatch.setattr(resolving, "lookup", lambda host, port: ["127.0.0.1"])
    with caplog.at_level(logging.WARNING):
        url = f"https://rebound.example:{receiver.port}/?key=swordfish"
        run = begin({"url": url, "token": "sesame"})
        row = settled(run)
    assert (row.state, row.last_status, row.delivered) == ("dead", None, 0)
    assert row.last_error == "refused: rebound.example does not lead to a public address"
    assert "refused: rebound.example" in caplog.text
    assert "swordfish" not in caplog.text
    assert receiver.received == []
    assert webhooks.finished(run.pk).termination_code == "natural"


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://10.0.0.1/",
    ],
)
def test_it_checks_the_address_again_when_it_delivers(
    webhooks: Engine, settings: Any, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AGENTSERVER_PUSH_ATTEMPTS = 1
    run = begin()
    # Made when the rules were others.
    PushConfig.objects.create(run=run, config_id="hook", url=url)
    with caplog.at_level(logging.WARNING):
        row = settled(run)
        # Told after it was written down.
        wait_until(lambda: row.last_error in caplog.text, what="the warning")
    assert (row.state, row.last_status) == ("dead", None)
    assert row.last_error.startswith("refused: ")
    assert webhooks.finished(run.pk).termination_code == "natural"


def test_it_follows_no_redirect(webhooks: Engine, receiver: Receiver, settings: Any) -> None:
    settings.AGENTSERVER_PUSH_ATTEMPTS = 1
    receiver.answer = lambda _: Answer(307, {"Location": f"{receiver.url}/elsewhere"})
    run = begin({"url": receiver.url, "token": "sesame"})
    row = settled(run)
    assert (row.state, row.last_error) == ("dead", "HTTP status 307")
    assert [request.path for request in receiver.received] == ["/"]
    assert webhooks.finished(run.pk).termination_code == "natural"


def test_it_says_what_went_wrong_without_secrets(
    webhooks: Engine, receiver: Receiver, settings: Any
) -> None:
    settings.AGENTSERVER_PUSH_ATTEMPTS = 1
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    run = begin({"url": "http://127.0.0.1:9/?key=swordfish", "token": "sesame"})
    row = settled(run)
    assert row.last_error.startswith("no connection")
    assert "swordfish" not in row.last_error


def test_it_counts_deliveries(webhooks: Engine, receiver: Receiver) -> None:
    from agentserver.telemetry.instruments import WEBHOOKS

    def counted(outcome: str) -> float:
        return float(WEBHOOKS.labels(outcome)._value.get())

    before = counted("delivered"), counted("failed")
    receiver.answer = failing(1)
    settled(begin({"url": receiver.url}))
    assert (counted("delivered"), counted("failed")) == (before[0] + 3, before[1] + 1)
