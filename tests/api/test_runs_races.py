"""Runs that are started at the same time, left by their reader, or in each other's way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from runs.events.live import channel
from runs.models import Run
from runs.services import Input, Submitted, submission
from runs.services.idempotency import earlier_submission
from tests.api.conftest import JsonClient
from tests.api.native_stream import ECHO, calling, events, new_thread, said, submit
from tests.api.tools import waiting_tool
from tests.engine_fixture import Engine


def at_once(*works: Callable[[], Any]) -> list[Any]:
    def closed(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(closed, works))


def start(api: JsonClient, **headers: str) -> tuple[int, str, bytes]:
    body = {"agentId": "echo", "threadId": "t", "messages": said()}
    answer = api.post("/v1/runs", body, **headers)
    content = answer.getvalue() if answer.status_code == 200 else answer.content
    return answer.status_code, answer.headers.get("x-run-id", ""), content


def test_it_lets_one_of_many_starts_win(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answers = at_once(*[lambda: start(api)] * 4)
    statuses = [status for status, _, _ in answers]
    assert 200 in statuses
    assert set(statuses) <= {200, 409}
    for status, run_id, content in answers:
        if status == 200:
            assert events(content)[-1]["event_type"] == "run_finish"
            assert engine.finished(run_id).status == "done"


def test_it_keeps_threads_out_of_each_others_way(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)

    def on(thread_id: str) -> Callable[[], Any]:
        body = {"agentId": "echo", "threadId": thread_id, "messages": said()}
        return lambda: api.post("/v1/runs", body).getvalue()

    for content in at_once(on("a"), on("b"), on("c")):
        assert events(content)[-1]["termination"] == {"type": "natural_end"}


def test_it_makes_one_run_of_equal_starts(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    answers = at_once(*[lambda: start(api, **{"Idempotency-Key": "k"})] * 3)
    assert {status for status, _, _ in answers} == {200}
    assert len({run_id for _, run_id, _ in answers}) == 1
    assert [run.termination_code for run in Run.objects.all()] == ["natural"]


def test_it_does_not_interrupt_a_run_by_its_own_repeat(
    engine: Engine, api: JsonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    body = {"agentId": "slow", "threadId": "t", "messages": said()}
    first = api.post("/v1/runs", body, **{"Idempotency-Key": "k"}).headers["x-run-id"]
    engine.running(first)
    # The repeat looks for the key a moment before the first request has stored it.
    looks, known = iter([True]), earlier_submission

    def too_early(request: Input) -> Submitted | None:
        return None if next(looks, False) else known(request)

    monkeypatch.setattr(submission, "earlier_submission", too_early)
    again = api.post("/v1/runs", body, **{"Idempotency-Key": "k"})
    gate.set()
    assert again.headers["x-run-id"] == first
    assert engine.finished(first).termination_code == "natural"


def test_it_finishes_a_run_whose_reader_went_away(engine: Engine, api: JsonClient) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    body = {"agentId": "slow", "threadId": "t", "messages": said()}
    answer = api.post("/v1/runs", body)
    next(iter(answer))
    answer.close()
    gate.set()
    assert engine.finished(answer.headers["x-run-id"]).termination_code == "natural"
    assert api.get("/v1/threads/t/messages").json()["total"] == 4


def test_it_starts_nothing_on_a_thread_that_does_not_let_go(
    engine: Engine, api: JsonClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AGENTSERVER_RELEASE_SECONDS = 0.1
    # No message reaches the worker: it will notice the cancellation when it renews its lease.
    monkeypatch.setattr(channel(), "send_control", lambda message: None)
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    first = submit(api, thread_id, "slow")["run_id"]
    engine.running(first)
    answer = api.post("/v1/runs", {"agentId": "echo", "threadId": thread_id, "messages": said()})
    assert answer.status_code == 409
    assert answer.json()["error"] == "thread has an active run; cannot claim inline"
    assert Run.objects.get().cancel_requested
    gate.set()
    assert engine.finished(first).status == "done"
