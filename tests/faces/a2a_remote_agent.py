"""The agent ``far``, whose endpoint is the fake remote agent of a test."""

from typing import Any

import pytest

from agentserver.core import loops
from runs.events import log
from runs.events.types import TextDelta
from runs.models import Run, ToolCall
from tests.api.conftest import JsonClient
from tests.engine_fixture import SECONDS, Engine
from tests.faces.a2a_remote import Remote


class Far:
    """The agent ``far`` on the fake remote, asked over the native API."""

    def __init__(self, engine: Engine, api: JsonClient, remote: Remote) -> None:
        self.engine, self.api, self.remote = engine, api, remote

    def at(self, **endpoint: Any) -> "Far":
        self.engine.agent("far", [], endpoint={"base_url": self.remote.url} | endpoint)
        return self

    def begin(self, text: str = "hi", thread_id: str = "", agent: str = "far") -> str:
        thread_id = thread_id or self.api.post("/v1/threads", {}).json()["id"]
        message = {"role": "user", "content": text}
        body = {"agent_id": agent, "messages": [message]}
        answer = self.api.post(f"/v1/threads/{thread_id}/messages", body)
        assert answer.status_code == 202, answer.content
        return str(answer.json()["run_id"])

    def ask(self, text: str = "hi", thread_id: str = "") -> Run:
        return self.engine.finished(self.begin(text, thread_id))


@pytest.fixture
def far(engine: Engine, api: JsonClient, remote: Remote) -> Far:
    return Far(engine, api, remote).at()


def wait_for_text(run_id: str, text: str) -> None:
    """Returns once this delta was shown."""
    loops.run_sync(_shown(run_id, text), SECONDS)


async def _shown(run_id: str, text: str) -> None:
    async for record in log.follow(run_id):
        if record and isinstance(record.event, TextDelta) and record.event.delta == text:
            return


def deltas(run_id: str) -> list[str]:
    events = [record.event for record in log.read(run_id)]
    return [event.delta for event in events if isinstance(event, TextDelta)]


def decide(far: Far, run: Run, **decision: Any) -> None:
    call = ToolCall.objects.get(run=run, status="suspended")
    body = {"tool_call_id": call.call_id, **decision}
    answer = far.api.post(f"/v1/runs/{run.pk}/decision", body)
    assert answer.status_code == 202, answer.content
