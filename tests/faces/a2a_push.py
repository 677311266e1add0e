"""Tasks with webhooks: a run and its configs begin together, a receiver gets the notifications."""

from typing import Any

import pytest
from django.db import transaction

from agentserver.access.principal import ANONYMOUS
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push import claims, configs, delivery
from runs import services
from runs.models import Run
from runs.services import Input
from tests.api.native_stream import ECHO
from tests.engine_fixture import Engine
from tests.faces.a2a_oracle import EVENT, judge
from tests.processes import wait_until
from tests.receiver import Received, Receiver
from threads.services import NewMessage

Json = dict[str, Any]

WORKING = "TASK_STATE_WORKING"
COMPLETED = "TASK_STATE_COMPLETED"
WHOLE_STORY = [WORKING, "artifact response", COMPLETED]


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a few milliseconds, for attempts and for looking after what nobody announced."""
    monkeypatch.setattr(claims, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(delivery, "SWEEP_SECONDS", 0.05)


def begin(*hooks: Json, agent: str = "echo", text: str = "hello") -> Run:
    """A run with these configs, as a send with an inline config makes it."""
    with transaction.atomic():
        asked = NewMessage(role="user", content=[{"type": "text", "text": text}])
        run = services.submit(
            Input(principal=ANONYMOUS, thread_id=None, agent_id=agent, messages=[asked])
        ).run
        for hook in hooks:
            create(run, **hook)
    return run


def create(run: Run, **hook: Any) -> Json:
    return configs.create_config(
        principal=ANONYMOUS, tenant=None, task_id=run.pk, config={"id": "hook", **hook}
    )


def echo(engine: Engine) -> Engine:
    engine.agent("echo", ECHO)
    return engine


def row_of(run: Run, config_id: str = "hook") -> PushConfig:
    return PushConfig.objects.get(run=run, config_id=config_id)


def settled(run: Run, config_id: str = "hook") -> PushConfig:
    """The row once nothing is left to deliver, for good or for bad."""
    wait_until(
        lambda: row_of(run, config_id).state != PushConfig.State.ACTIVE, what="the last delivery"
    )
    return row_of(run, config_id)


def what(request: Received) -> str:
    """In short: the state, or the artifact."""
    event = judge(EVENT, request.json)
    if "artifactUpdate" in event:
        return f"artifact {event['artifactUpdate']['artifact']['artifactId']}"
    state: str = event["statusUpdate"]["status"]["state"]
    return state


def story(receiver: Receiver, path: str = "/") -> list[str]:
    """Everything that came to a path, in its order."""
    return [what(request) for request in receiver.received if request.path == path]
