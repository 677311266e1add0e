"""Answers to a waiting task that arrive twice: a repeat never answers what was asked since."""

from typing import Any

import pytest

from agentserver.core.errors import Conflict
from agentserver_a2a.errors import UnsupportedOperation
from agentserver_a2a.models import PushConfig
from agentserver_a2a.sending import Sent
from tests.api.native_stream import calling
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import begin, reply, rest, state, streamed, task

PERMISSION = {"default_behavior": "allow", "rules": [{"tool": "erase", "behavior": "ask"}]}


@pytest.fixture
def erased(engine: Engine) -> list[str]:
    """An agent ``eraser`` that wants two things, each with permission; the paths that are gone."""
    paths: list[str] = []

    def erase(path: str) -> str:
        """Erases a file."""
        paths.append(path)
        return f"{path} is gone"

    engine.tool(erase)
    script = calling("erase", "c1", "c2", arguments={"path": "b"})
    engine.agent("eraser", script, tools=["erase"], permission=PERMISSION)
    return paths


@pytest.fixture
def sent(erased: list[str]) -> Sent:
    sent = begin("eraser", "tidy up")
    assert state(rest(sent)) == "AUTH_REQUIRED"
    return sent


def yes(sent: Sent, text: str = "yes", **members: Any) -> Sent:
    return reply(sent, text, key="k", **members)


def test_it_takes_an_answer_once_for_each_key(erased: list[str], sent: Sent) -> None:
    rest(yes(sent))
    again = rest(yes(sent))
    assert (state(again), len(erased)) == ("AUTH_REQUIRED", 1)
    assert again == task(sent.task_id)


def test_it_takes_the_next_answer_under_a_new_key(erased: list[str], sent: Sent) -> None:
    rest(yes(sent))
    assert state(rest(reply(sent, "yes", key="another"))) == "COMPLETED"
    assert len(erased) == 2


def test_it_finds_the_answer_of_a_task_that_has_ended(erased: list[str], sent: Sent) -> None:
    rest(yes(sent))
    done = rest(reply(sent, "yes", key="last"))
    assert rest(reply(sent, "yes", key="last")) == done
    with pytest.raises(UnsupportedOperation):
        reply(sent, "yes", key="new")


def test_it_streams_a_repeat_from_where_the_task_stands(erased: list[str], sent: Sent) -> None:
    rest(yes(sent))
    (only,) = streamed(yes(sent))
    assert state(only["task"]) == "AUTH_REQUIRED"
    assert len(erased) == 1


def test_it_refuses_another_answer_under_the_same_key(erased: list[str], sent: Sent) -> None:
    rest(yes(sent))
    with pytest.raises(Conflict):
        yes(sent, "no")
    assert state(task(sent.task_id)) == "AUTH_REQUIRED"


def test_it_adds_no_second_webhook_for_a_repeat(sent: Sent) -> None:
    hook = {"taskPushNotificationConfig": {"url": "https://hooks.invalid/in"}}
    rest(yes(sent, configuration=hook))
    rest(yes(sent, configuration=hook))
    assert PushConfig.objects.filter(run_id=sent.task_id).count() == 1


def test_it_tells_nobody_the_key(sent: Sent) -> None:
    rest(yes(sent))
    assert '"k"' not in str(task(sent.task_id)).replace("'", '"')
