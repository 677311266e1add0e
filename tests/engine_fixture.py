"""The real engine inside the test process, with agents that follow scripts.

Every test may ask for it::

    from tests.engine_fixture import Engine

    def test_it_answers(engine: Engine, api: JsonClient) -> None:
        engine.agent("echo", [{"reply": [{"text": "{{last_user}}"}]}])
        answer = api.post("/v1/runs", {"agentId": "echo", "messages": [...]})
        frames = answer.getvalue()          # the whole stream, once the run has ended

- ``engine.agent(name, script, **members)`` publishes an agent whose model follows ``script`` (the
  format is that of `runs.providers.scripted`); ``members`` are those of `config.defaults.agent`.
- ``engine.tool(function, **options)`` registers a tool for the length of the test.
- ``engine.gate()`` is an event for tools to wait for (``gate.wait()``); every gate opens when the
  test ends, so that a failing test leaves no thread behind.
- ``engine.suspended(run_id)`` and ``engine.finished(run_id)`` wait for the run and return its row.
- ``engine.running(run_id)`` waits until a worker has taken the run up; ``engine.stop()`` shuts the
  worker down before the test is over.

The fixture uses real transactions (``transactional_db``): worker threads see what the test wrote.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from agentserver.core import loops
from config import registry as registries
from config.defaults import agent, model, provider
from config.seeding import seed_builtin
from runs import dispatch
from runs.engine import host
from runs.events import log
from runs.events.types import AnyEvent, RunFinished, RunStarted
from runs.models import Run
from runs.tools.decorator import build_tool
from runs.tools.registry import registered

SECONDS = 30
Script = Sequence[dict[str, Any]]


class Engine:
    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._agents: dict[str, dict[str, Any]] = {}
        self._gates: list[threading.Event] = []
        self._tools = ExitStack()

    # --- what runs are made of --------------------------------------------------------------------

    def agent(self, name: str, script: Script, **members: Any) -> str:
        """Publishes the agent together with all earlier ones; offers no tools unless told to."""
        self._scripts[name] = script
        self._agents[name] = agent(name, model=name, **{"tools": [], **members})
        self._publish()
        return name

    def tool(self, function: Callable[..., Any], **options: Any) -> str:
        made = build_tool(function, **options)
        self._tools.enter_context(registered(made))
        return made.name

    def gate(self) -> threading.Event:
        gate = threading.Event()
        self._gates.append(gate)
        return gate

    def _publish(self) -> None:
        scripted = {"scripts": self._scripts}
        seed_builtin(
            {
                "providers": [provider("scripted", adapter="scripted", adapter_options=scripted)],
                "models": [
                    model(name, provider="scripted", upstream=name) for name in self._scripts
                ],
                "agents": list(self._agents.values()),
            }
        )
        registries.forget()

    # --- waiting ----------------------------------------------------------------------------------

    def finished(self, run_id: str) -> Run:
        """The row once the run is done."""
        loops.run_sync(_until(run_id, RunFinished), SECONDS)
        return Run.objects.get(pk=run_id)

    def suspended(self, run_id: str) -> Run:
        """The row once the run waits for a decision (or is done)."""
        loops.run_sync(_until_rest(run_id), SECONDS)
        return Run.objects.get(pk=run_id)

    def running(self, run_id: str) -> Run:
        """The row once a worker has taken the run up."""
        loops.run_sync(_until(run_id, RunStarted), SECONDS)
        return Run.objects.get(pk=run_id)

    def stop(self) -> None:
        """Stops the worker, as a shutdown does; returns when it executes nothing any more."""
        host.stop()

    def close(self) -> None:
        for gate in self._gates:
            gate.set()
        self._tools.close()


async def _until(run_id: str, kind: type[AnyEvent]) -> None:
    async for record in log.follow(run_id):
        if record and isinstance(record.event, kind):
            return


async def _until_rest(run_id: str) -> None:
    async for _ in log.follow(run_id, stop_on_suspend=True):
        pass


@pytest.fixture
def engine(transactional_db: None) -> Iterator[Engine]:
    registries.forget()
    made = Engine()
    worker = host.of_this_process(sweeps=True)
    dispatch.set_local_worker(worker.wake)
    try:
        yield made
    finally:
        made.close()
        dispatch.set_local_worker(None)
        host.stop()
        registries.forget()
