"""Streams of tasks: after a message, and of those who subscribe."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core import loops
from agentserver_a2a import streams
from agentserver_a2a.errors import TaskNotFound, UnsupportedOperation
from runs.demo import a2a as demo
from runs.services import cancel_run, delete_thread
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import (
    SECONDS,
    answer,
    begin,
    reply,
    response,
    rest,
    state,
    streamed,
    task,
    watched,
)
from tests.faces.a2a_reader import Reader, by_id

Json = dict[str, Any]
STRANGER = Principal("key", "s", "s", frozenset({"read", "run"}), resource_id="other")
PERMISSION = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}


@pytest.fixture
def echo(engine: Engine) -> str:
    return engine.agent("echo", ECHO)


@pytest.fixture
def eraser(engine: Engine) -> str:
    def erase(path: str) -> str:
        return f"{path} is gone"

    name = engine.tool(erase)
    text: Json = {"text": "I must erase a.txt.", "chunks": 4}
    done, call = calling(name, arguments={"path": "a.txt"})
    script = [done, {"reply": [text, *call["reply"]]}]
    return engine.agent("eraser", script, tools=[name], permission=PERMISSION)


class Watch:
    """A stream that is read while the test goes on."""

    def __init__(self, events: Any) -> None:
        self.events: list[Json] = []
        self._begun = asyncio.Event()
        self._done = loops.submit(self._collect(events))

    async def _collect(self, events: Any) -> None:
        async for batch in events:
            if batch is not None:
                self.events += batch
                self._begun.set()

    def begun(self) -> "Watch":
        loops.run_sync(asyncio.wait_for(self._begun.wait(), SECONDS))
        return self

    def ended(self) -> list[Json]:
        self._done.result(SECONDS)
        return self.events


def states(events: list[Json]) -> list[str]:
    found = Reader().read(events).states
    return [each.removeprefix("TASK_STATE_") for each in found]


# --- after a message ------------------------------------------------------------------------------
def test_it_streams_from_the_task_to_its_end(echo: str) -> None:
    sent = begin(echo, "hello world")
    events = streamed(sent)
    assert events[0] == {"task": sent.task}
    assert states(events) == ["SUBMITTED", "WORKING", "COMPLETED"]
    reader = Reader().read(events)
    assert reader.text() == "hello world"
    assert sum("artifactUpdate" in event for event in events) == 3
    assert reader.last_chunks == ["response"]
    assert reader.stored() == by_id(task(sent.task_id)["artifacts"])


def test_it_ends_where_the_task_waits(eraser: str) -> None:
    sent = begin(eraser)
    events = streamed(sent)
    assert states(events) == ["SUBMITTED", "WORKING", "AUTH_REQUIRED"]
    stored = task(sent.task_id)
    assert Reader().read(events).stored() == by_id(stored["artifacts"])
    assert events[-1]["statusUpdate"]["status"]["message"] == stored["status"]["message"]


def test_it_goes_on_after_an_answer(eraser: str) -> None:
    sent = begin(eraser)
    streamed(sent)
    events = streamed(reply(sent, "yes"))
    assert states(events) == ["WORKING", "COMPLETED"]
    assert response(events[0]["task"]) == "I must erase a.txt."
    assert Reader().read(events).text() == 'It said "a.txt is gone".'
    assert Reader().read(events).stored() == by_id(task(sent.task_id)["artifacts"])


def test_it_tells_what_came_of_an_answer_however_late(engine: Engine, eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    again = reply(sent, "yes")
    engine.finished(sent.task_id)
    events = streamed(again)
    assert states(events) == ["WORKING", "COMPLETED"]
    assert Reader().read(events).text() == 'It said "a.txt is gone".'


def test_it_streams_the_repeat_of_a_finished_request(echo: str) -> None:
    rest(begin(echo, "hello", contextId="c", key="k"))
    (event,) = streamed(begin(echo, "hello", contextId="c", key="k"))
    assert (state(event["task"]), response(event["task"])) == ("COMPLETED", "hello")


def test_it_shows_published_artifacts_before_the_end(engine: Engine) -> None:
    made: Any = {"artifact": {"artifact_id": "x", "parts": [{"type": "data", "data": [1]}]}}
    sent = begin(engine.agent("maker", [{"reply": [{"text": "hi"}, made]}]))
    reader = Reader().read(streamed(sent))
    assert reader.stored() == {"x": [{"data": [1]}], "response": [{"text": "hi"}]}
    assert reader.stored() == by_id(task(sent.task_id)["artifacts"])


def test_it_keeps_what_a_failed_run_has_shown(engine: Engine) -> None:
    error = {"error": {"status": 401, "message": "no"}}
    sent = begin(engine.agent("broken", [{"reply": [{"text": "half", "chunks": 2}, error]}]))
    events = streamed(sent)
    stored = task(sent.task_id)
    assert states(events)[-1] == "FAILED"
    assert Reader().read(events).stored() == by_id(stored["artifacts"])
    assert events[-1]["statusUpdate"]["status"]["message"] == stored["status"]["message"]


# --- messages instead of tasks --------------------------------------------------------------------
@pytest.fixture
def demo_agent(engine: Engine) -> str:
    section = {"a2a": {"direct_messages": True}}
    return engine.agent("demo-a2a", demo.SCRIPT, sections=section)


def test_it_streams_a_message_instead_of_a_task(demo_agent: str) -> None:
    (event,) = streamed(begin(demo_agent, messageId="tck-message-response-1"))
    assert event["message"]["parts"] == [{"text": "Direct message response"}]
    assert event["message"]["role"] == "ROLE_AGENT"
    assert "taskId" not in event["message"]


def test_it_answers_with_a_message_instead_of_a_task(demo_agent: str) -> None:
    found = answer(begin(demo_agent, messageId="tck-message-response-1"))
    assert found["message"]["parts"] == [{"text": "Direct message response"}]


def test_it_streams_the_task_of_an_agent_that_could_answer_directly(demo_agent: str) -> None:
    events = streamed(begin(demo_agent, messageId="tck-stream-artifact-chunked-1"))
    assert states(events) == ["SUBMITTED", "WORKING", "COMPLETED"]
    assert Reader().read(events).text() == "chunk-1 chunk-2"


def saying(engine: Engine, *then: Json, **section: bool) -> str:
    """An agent that says that its answer is a message."""
    means: Json = {"data": {"name": demo.DIRECT_MESSAGE, "data": True}}
    reply: list[Json] = [means, {"text": "half", "chunks": 2}, *then]
    return engine.agent("direct", [{"reply": reply}], sections={"a2a": section})


def test_it_tells_of_failure_although_the_answer_was_to_be_a_message(engine: Engine) -> None:
    error = {"error": {"status": 401, "message": "no"}}
    agent = saying(engine, error, direct_messages=True)
    assert state(answer(begin(agent))["task"]) == "FAILED"
    events = streamed(begin(agent))
    assert not any("message" in event for event in events)
    assert states(events)[-1] == "FAILED"


def test_it_answers_with_a_task_where_messages_are_not_allowed(engine: Engine) -> None:
    assert state(answer(begin(saying(engine)))["task"]) == "COMPLETED"


def test_it_repeats_an_answer_that_was_a_message(engine: Engine) -> None:
    agent = saying(engine, direct_messages=True)
    first = answer(begin(agent, "hi", contextId="c", key="k"))
    assert first["message"]["parts"] == [{"text": "half"}]
    assert answer(begin(agent, "hi", contextId="c", key="k")) == first
    assert streamed(begin(agent, "hi", contextId="c", key="k")) == [first]


def test_it_repeats_the_task_of_an_agent_that_could_answer_directly(demo_agent: str) -> None:
    done = rest(begin(demo_agent, "hi", contextId="c", key="k"))
    (event,) = streamed(begin(demo_agent, "hi", contextId="c", key="k"))
    assert (event["task"]["id"], state(event["task"])) == (done["id"], "COMPLETED")


# --- subscriptions --------------------------------------------------------------------------------
def test_it_continues_from_the_present_state(engine: Engine) -> None:
    gate, entered = engine.gate(), threading.Event()

    def wait() -> str:
        entered.set()
        gate.wait()
        return "ok"

    name = engine.tool(wait)
    done, call = calling(name)
    script = [done, {"reply": [{"text": "so far", "chunks": 3}, *call["reply"]]}]
    sent = begin(engine.agent("slow", script, tools=[name]), "go")
    assert entered.wait(SECONDS)
    watch = Watch(watched(sent.task_id)).begun()
    now = watch.events[0]["task"]
    assert (state(now), response(now)) == ("WORKING", "so far")
    gate.set()
    reader = Reader().read(watch.ended())
    assert reader.text() == 'It said "ok".'
    assert reader.stored() == by_id(task(sent.task_id)["artifacts"])


def test_it_stays_open_while_the_task_waits(eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    watch = Watch(watched(sent.task_id)).begun()
    assert response(watch.events[0]["task"]) == "I must erase a.txt."
    rest(reply(sent, "yes"))
    events = watch.ended()
    assert states(events) == ["AUTH_REQUIRED", "WORKING", "COMPLETED"]
    assert Reader().read(events).stored() == by_id(task(sent.task_id)["artifacts"])


def test_it_shows_every_subscriber_the_same(eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    watches = [Watch(watched(sent.task_id)).begun() for _ in range(3)]
    rest(reply(sent, "no"))
    first, *others = [watch.ended() for watch in watches]
    assert others == [first, first]


def test_it_tells_subscribers_of_a_cancellation(eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    watch = Watch(watched(sent.task_id)).begun()
    cancel_run(principal=ANONYMOUS, run_id=sent.task_id)
    assert states(watch.ended()) == ["AUTH_REQUIRED", "CANCELED"]


def test_it_tells_an_end_once_that_came_while_the_stream_began(
    engine: Engine, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.stop()
    sent = begin(echo)
    events = watched(sent.task_id)
    stored = streams._stored

    def ended(*arguments: Any) -> Json:
        cancel_run(principal=ANONYMOUS, run_id=sent.task_id)
        return stored(*arguments)

    monkeypatch.setattr(streams, "_stored", ended)
    assert states(Watch(events).ended()) == ["CANCELED"]


def test_it_says_canceled_when_the_task_is_deleted(eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    watch = Watch(watched(sent.task_id)).begun()
    delete_thread(principal=ANONYMOUS, thread_id=sent.context_id)
    assert states(watch.ended()) == ["AUTH_REQUIRED", "CANCELED"]


def test_it_answers_canceled_when_the_task_is_deleted(engine: Engine, echo: str) -> None:
    engine.stop()
    sent = begin(echo)
    delete_thread(principal=ANONYMOUS, thread_id=sent.context_id)
    assert state(answer(sent)["task"]) == "CANCELED"


def test_it_lets_nobody_subscribe_to_what_has_ended(echo: str) -> None:
    sent = begin(echo)
    rest(sent)
    with pytest.raises(UnsupportedOperation):
        watched(sent.task_id)


def test_it_hides_tasks_from_strangers(echo: str) -> None:
    sent = begin(echo)
    with pytest.raises(TaskNotFound):
        watched(sent.task_id, principal=STRANGER)


def test_it_goes_on_without_a_reader(eraser: str) -> None:
    sent = begin(eraser)

    events = watched(sent.task_id)

    async def hang_up() -> None:
        await anext(events)
        await events.aclose()

    loops.run_sync(hang_up(), SECONDS)
    assert state(rest(sent)) == "AUTH_REQUIRED"


def test_it_holds_no_connection_while_it_waits(eraser: str) -> None:
    sent = begin(eraser)
    rest(sent)
    Watch(watched(sent.task_id)).begun()

    async def open_here() -> list[Any]:
        return [each for each in connections.all(initialized_only=True) if each.connection]

    assert loops.run_sync(open_here(), SECONDS) == []
    cancel_run(principal=ANONYMOUS, run_id=sent.task_id)


def test_it_reads_a_log_of_many_pages(engine: Engine) -> None:
    text = "x" * 1500
    script: Any = [{"reply": [{"text": text, "chunk_size": 1}]}]
    sent = begin(engine.agent("long", script))
    engine.finished(sent.task_id)
    (event,) = streamed(replace(sent, fresh=False, task=task(sent.task_id)))
    assert response(event["task"]) == text
