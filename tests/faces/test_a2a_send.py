"""SendMessage: which task a message begins or goes on with, and what is refused."""

from typing import Any

import pytest

from agentserver.access.principal import Principal
from agentserver.core.errors import Conflict, NotFound
from agentserver_a2a.errors import (
    ContentTypeNotSupported,
    InvalidParams,
    TaskNotFound,
    UnsupportedOperation,
)
from agentserver_a2a.models import PushConfig
from runs.models import Run
from runs.services import Input, submit
from tests.api.native_stream import ECHO
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import (
    answer,
    begin,
    reply,
    response,
    rest,
    said,
    state,
    task,
)
from threads.models import Message, Thread
from threads.services import NewMessage

BOUND = Principal("key", "k", "k", frozenset({"read", "run"}), resource_id="mine")
STRANGER = Principal("key", "s", "s", frozenset({"read", "run"}), resource_id="other")


@pytest.fixture
def echo(engine: Engine) -> str:
    return engine.agent("echo", ECHO)


def test_it_begins_a_task(echo: str) -> None:
    sent = begin(echo, "hello")
    assert state(sent.task) == "SUBMITTED"
    run = Run.objects.get(pk=sent.task_id)
    assert (run.agent_id, run.origin, run.thread_id) == ("echo", "A2A", sent.context_id)


def test_it_answers_when_the_task_has_ended(echo: str) -> None:
    sent = begin(echo, "hello")
    done = rest(sent)
    assert (done["id"], done["contextId"]) == (sent.task_id, sent.context_id)
    assert (state(done), response(done)) == ("COMPLETED", "hello")
    assert done == task(sent.task_id)


def test_it_gives_history_back_as_it_was_sent(echo: str) -> None:
    parts: list[Any] = [
        {"text": "# hi", "mediaType": "text/markdown", "metadata": {"a": 1.0}},
        {"data": {"b": 2**53 + 1, "a": None}, "filename": "x.json"},
        {"raw": "aGk=", "filename": "a.txt", "mediaType": "text/plain"},
        {"url": "https://x.example/y", "metadata": {"k": [1]}},
    ]
    members: dict[str, Any] = {
        "messageId": "mine",
        "metadata": {"n": 1},
        "extensions": ["https://e.example"],
        "referenceTaskIds": ["r"],
    }
    done = rest(begin(echo, *parts, **members))
    assert done["history"][0] == {
        **members,
        "contextId": done["contextId"],
        "taskId": done["id"],
        "role": "ROLE_USER",
        "parts": parts,
    }


def test_it_shows_the_message_in_the_task_at_once(echo: str) -> None:
    sent = begin(echo, "hello", {"data": [1]}, messageId="mine")
    (message,) = sent.task["history"]
    assert message == task(sent.task_id)["history"][0]


@pytest.mark.parametrize(("length", "count"), [(0, 0), (1, 1), (None, 2), (9, 2)])
def test_it_shows_the_newest_messages(echo: str, length: int | None, count: int) -> None:
    done = answer(begin(echo, "hello"), history_length=length)["task"]
    assert len(done.get("history", [])) == count
    assert ("history" in done) is bool(count)


def test_it_lets_a_script_see_id_and_metadata(engine: Engine) -> None:
    script: list[dict[str, Any]] = [
        {"when": {"message_id": "pick-", "metadata": {"a": 1, "b": 2}}, "reply": [{"text": "yes"}]},
        {"reply": [{"text": "no"}]},
    ]
    agent = engine.agent("picky", script)
    sent = begin(agent, messageId="pick-me", metadata={"a": 1})
    assert response(rest(sent)) == "no"
    outer = begin(agent, messageId="pick-me", metadata={"a": 1}, request_metadata={"b": 2})
    assert response(rest(outer)) == "yes"


# --- contexts and agents --------------------------------------------------------------------------
def test_it_begins_a_task_in_the_same_context(echo: str) -> None:
    first = rest(begin(echo, "one"))
    second = rest(begin(echo, "two", contextId=first["contextId"]))
    assert first["contextId"] == second["contextId"]
    assert first["id"] != second["id"]
    assert said(second) == [("USER", "two"), ("AGENT", "two")]


def test_it_takes_a_context_the_client_made_up(echo: str) -> None:
    assert rest(begin(echo, contextId="made-up"))["contextId"] == "made-up"


def test_it_queues_a_task_behind_a_busy_one(engine: Engine) -> None:
    gate = engine.gate()

    def wait() -> str:
        gate.wait()
        return "ok"

    name = engine.tool(wait)
    agent = engine.agent("slow", [{"reply": [{"tool_call": {"name": name}}]}], tools=[name])
    engine.agent("echo", ECHO)
    first = begin(agent, contextId="c")
    engine.running(first.task_id)
    second = begin("echo", "later", contextId="c")
    assert state(task(second.task_id)) == "SUBMITTED"
    assert state(task(first.task_id)) == "WORKING"


def test_it_asks_the_latest_agent_of_the_context(engine: Engine) -> None:
    engine.agent("default", [{"reply": [{"text": "default"}]}])
    engine.agent("other", [{"reply": [{"text": "other"}]}])
    first = rest(begin("other"))
    assert response(rest(begin(None, contextId=first["contextId"]))) == "other"
    assert response(rest(begin(None))) == "default"


def test_it_asks_the_first_agent_where_none_is_the_default(engine: Engine) -> None:
    engine.agent("b", [{"reply": [{"text": "b"}]}])
    engine.agent("a", [{"reply": [{"text": "a"}]}])
    assert response(rest(begin(None))) == "a"


def test_it_refuses_an_unknown_tenant(echo: str) -> None:
    with pytest.raises(NotFound):
        begin("nobody")


def test_it_hides_a_context_of_another_resource(echo: str) -> None:
    begin(echo, contextId="c", principal=BOUND)
    with pytest.raises(NotFound):
        begin(echo, contextId="c", principal=STRANGER)


# --- repeats --------------------------------------------------------------------------------------
def test_it_finds_the_task_of_an_equal_request(echo: str) -> None:
    first = begin(echo, "hello", contextId="c", key="k")
    again = begin(echo, "hello", contextId="c", key="k")
    assert again.task_id == first.task_id
    assert response(rest(again)) == "hello"
    assert Run.objects.count() == 1


def test_it_finds_the_task_of_a_context_that_went_to_another_agent(
    engine: Engine, echo: str
) -> None:
    engine.agent("other", [{"reply": [{"text": "other"}]}])
    first = begin(None, "hello", contextId="c", key="k")
    rest(first)
    rest(begin("other", contextId="c"))
    assert begin(None, "hello", contextId="c", key="k").task_id == first.task_id
    with pytest.raises(Conflict):
        begin(None, "bye", contextId="c", key="k")
    with pytest.raises(Conflict):
        begin("other", "hello", contextId="c", key="k")


def test_it_refuses_a_key_with_another_message(echo: str) -> None:
    begin(echo, "hello", contextId="c", key="k")
    with pytest.raises(Conflict):
        begin(echo, "bye", contextId="c", key="k")


def test_it_takes_an_id_twice_as_two_messages(echo: str) -> None:
    rest(begin(echo, "one", contextId="c", messageId="same"))
    second = rest(begin(echo, "two", contextId="c", messageId="same"))
    assert second["history"][0]["messageId"] == "same"
    assert response(second) == "two"
    assert Message.objects.filter(thread_id="c", role="user").count() == 2


@pytest.mark.parametrize("message_id", ["urn:example/1", "aGk/+=", "..", "x" * 300, "a\x00b"])
def test_it_gives_back_any_id_of_a_message(echo: str, message_id: str) -> None:
    done = rest(begin(echo, "hi", messageId=message_id))
    assert done["history"][0]["messageId"] == message_id
    assert response(done) == "hi"


# --- refusals -------------------------------------------------------------------------------------
def test_it_needs_a_task_to_go_on_with(echo: str) -> None:
    with pytest.raises(TaskNotFound):
        begin(echo, taskId="unknown")


def test_it_hides_a_task_of_another_tenant(engine: Engine, echo: str) -> None:
    engine.agent("other", ECHO)
    sent = begin(echo)
    with pytest.raises(TaskNotFound):
        begin("other", taskId=sent.task_id)


def test_it_hides_a_task_of_another_resource(echo: str) -> None:
    sent = begin(echo, principal=BOUND)
    with pytest.raises(TaskNotFound):
        begin(echo, taskId=sent.task_id, principal=STRANGER)


def test_it_refuses_a_task_of_another_context(echo: str) -> None:
    sent = begin(echo)
    with pytest.raises(InvalidParams) as refused:
        reply(sent, "more", contextId="another")
    assert [each.field for each in refused.value.violations] == ["message.contextId"]


def test_it_refuses_more_for_a_task_that_has_ended(echo: str) -> None:
    sent = begin(echo)
    rest(sent)
    with pytest.raises(UnsupportedOperation, match="has ended"):
        reply(sent, "more")


def test_it_refuses_more_for_a_busy_task(engine: Engine) -> None:
    engine.stop()
    sent = begin(engine.agent("echo", ECHO))
    with pytest.raises(UnsupportedOperation, match="busy"):
        reply(sent, "more")


@pytest.mark.parametrize("media_type", ["application/x-tar", "text/rtf"])
def test_it_refuses_types_that_the_card_does_not_name(echo: str, media_type: str) -> None:
    with pytest.raises(ContentTypeNotSupported):
        begin(echo, {"text": "x", "mediaType": media_type})
    assert not Thread.objects.exists()


def test_it_reads_a_type_without_its_parameters(echo: str) -> None:
    assert begin(echo, {"text": "x", "mediaType": "Text/Plain; charset=utf-8"}).task_id


@pytest.mark.parametrize("modes", [["text/plain"], ["image/png", "text/*"], ["*/*"], ["text"], []])
def test_it_answers_who_takes_text(echo: str, modes: list[str]) -> None:
    assert begin(echo, configuration={"acceptedOutputModes": modes}).task_id


def test_it_refuses_who_takes_no_text(echo: str) -> None:
    with pytest.raises(ContentTypeNotSupported):
        begin(echo, configuration={"acceptedOutputModes": ["image/png"]})


# --- webhooks -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["taskPushNotificationConfig", "pushNotificationConfig"])
def test_it_stores_a_webhook_with_the_task(echo: str, name: str) -> None:
    sent = begin(echo, configuration={name: {"id": "w", "url": "https://hooks.invalid/hook"}})
    assert PushConfig.objects.get().run_id == sent.task_id


def test_it_adds_no_second_webhook_for_a_repeated_request(echo: str) -> None:
    configuration = {"taskPushNotificationConfig": {"url": "https://hooks.invalid/hook"}}
    for _ in range(2):
        begin(echo, "hello", contextId="c", key="k", configuration=configuration)
    assert PushConfig.objects.count() == 1


def test_it_begins_nothing_when_the_webhook_is_wrong(echo: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        begin(echo, configuration={"taskPushNotificationConfig": {"url": "ftp://x"}})
    assert [each.field for each in refused.value.violations] == [
        "configuration.taskPushNotificationConfig.url"
    ]
    assert not Run.objects.exists()


# --- other faces ----------------------------------------------------------------------------------
def test_it_shows_a_run_of_another_face_as_a_task(engine: Engine, echo: str) -> None:
    message = NewMessage(role="user", content=[{"type": "text", "text": "hello"}], id="u")
    run = submit(Input(principal=BOUND, thread_id="t", messages=[message], agent_id=echo)).run
    engine.finished(run.pk)
    found = task(run.pk, principal=BOUND)
    assert (state(found), response(found)) == ("COMPLETED", "hello")
    assert found["history"][0]["messageId"] == "u"
    assert said(found) == [("USER", "hello"), ("AGENT", "hello")]
