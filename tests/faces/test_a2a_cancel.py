"""CancelTask."""

from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver_a2a.cancelling import cancel_task
from agentserver_a2a.errors import TaskNotCancelable, TaskNotFound
from runs.models import Run
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import begin, rest, state, task
from tests.faces.a2a_oracle import TASK, judge

STRANGER = Principal("key", "s", "s", frozenset({"read", "run"}), resource_id="other")


def cancel(task_id: str, **options: Any) -> dict[str, Any]:
    given = {"principal": ANONYMOUS, "tenant": None, "task_id": task_id, **options}
    return judge(TASK, cancel_task(**given))


@pytest.fixture
def asking(engine: Engine) -> str:
    """The id of a task that waits for leave."""
    name = engine.tool(lambda: "x", name="risky", description="Risky", needs_approval=True)
    return str(rest(begin(engine.agent("asker", calling(name), tools=[name])))["id"])


def test_it_cancels_a_running_task_and_returns_it_canceled(engine: Engine) -> None:
    slow: Any = [{"reply": [{"text": "many words to say", "chunks": 5, "delay_ms": 5000}]}]
    sent = begin(engine.agent("slow", slow))
    engine.running(sent.task_id)
    assert state(cancel(sent.task_id)) == "CANCELED"
    assert Run.objects.get().termination_code == "cancelled"


def test_it_cancels_a_queued_task(engine: Engine) -> None:
    engine.stop()
    sent = begin(engine.agent("echo", ECHO))
    assert state(cancel(sent.task_id)) == "CANCELED"


def test_it_cancels_a_task_that_waits(asking: str) -> None:
    canceled = cancel(asking)
    assert state(canceled) == "CANCELED"
    assert canceled == task(asking)


def test_it_cancels_nothing_twice(asking: str) -> None:
    cancel(asking)
    with pytest.raises(TaskNotCancelable):
        cancel(asking)


def test_it_does_not_cancel_what_has_ended(engine: Engine) -> None:
    done = rest(begin(engine.agent("echo", ECHO)))
    with pytest.raises(TaskNotCancelable):
        cancel(done["id"])
    assert state(task(done["id"])) == "COMPLETED"


@pytest.mark.parametrize("options", [{"principal": STRANGER}, {"tenant": "echo"}])
def test_it_cancels_no_task_of_others(engine: Engine, asking: str, options: Any) -> None:
    engine.agent("echo", ECHO)
    with pytest.raises(TaskNotFound):
        cancel(asking, **options)
    assert state(task(asking)) == "AUTH_REQUIRED"
