"""A running engine in the test process, agents that follow scripts, and ways to wait for them."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentserver.access.principal import ANONYMOUS
from agentserver.core import loops
from agentserver.core.clock import now
from agentserver.core.errors import NotFound
from config.seeding import seed_builtin
from runs import services
from runs.engine import host
from runs.events import log
from runs.events.types import AnyEvent, Record
from runs.models import Job, Run, RunInput, ToolCall
from runs.providers import script_stream
from runs.services import Decided, Input, Mode, Submitted
from threads.models import Message
from threads.services import NewMessage

PATIENCE = 20.0
Script = Sequence[dict[str, Any]]
MISSING = NotFound("nothing here")


def text(content: str, **options: Any) -> dict[str, Any]:
    return {"text": content, **options}


def call(name: str, call_id: str | None = None, /, **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "arguments": arguments}
    return {"tool_call": made | ({"id": call_id} if call_id else {})}


def turns(*replies: Sequence[dict[str, Any]]) -> Script:
    """A script that gives its replies one after the other, the last one from then on."""
    rules = [{"when": {"turn": turn}, "reply": list(reply)} for turn, reply in enumerate(replies)]
    return [*rules, {"reply": list(replies[-1])}]


def said(content: str, **more: Any) -> NewMessage:
    return NewMessage(role="user", content=[{"type": "text", "text": content}], **more)


def asking(content: str = "hello", **options: Any) -> Input:
    """A submission by an anonymous caller to the agent ``a`` on the thread ``t``."""
    known: dict[str, Any] = {"principal": ANONYMOUS, "thread_id": "t", "agent_id": "a"}
    return Input(**{**known, "messages": [said(content)], **options})


class Held:
    """Lets a tool wait in the middle of its work until the test says otherwise."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.released = threading.Event()

    def hold(self) -> None:
        self.entered.release()
        assert self.released.wait(PATIENCE)

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE)

    def release(self) -> None:
        self.released.set()


class Pace:
    """Lets a scripted model fall silent in the middle of its answer, until the test goes on.

    Only paced actions (``delay_ms`` above 0) fall silent, and they pause for nothing else.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._pieces = 0
        self._on: asyncio.Event | None = None
        patch.setattr(script_stream, "_pause", self._pause)

    async def _pause(self, milliseconds: float, number: int) -> None:
        await asyncio.sleep(0)
        if self._on and milliseconds and number >= self._pieces:
            await self._on.wait()

    def silent_after(self, pieces: int) -> None:
        """Answers say no more than ``pieces`` from now on."""
        self._pieces, self._on = pieces, asyncio.Event()

    def go_on(self) -> None:
        on, self._on = self._on, None
        assert on
        loops.background_loop().call_soon_threadsafe(on.set)


class Lab:
    """Publishes agents, submits to them, waits for events. The engine runs on `start`."""

    def __init__(self) -> None:
        self.host: host.Host | None = None
        self._documents: dict[str, list[dict[str, Any]]] = {
            "providers": [],
            "models": [],
            "agents": [],
        }
        self._scripts: dict[str, Script] = {}

    # --- set-up --------------------------------------------------------------------------------

    def agent(self, script: Script, agent_id: str = "a", **members: Any) -> None:
        """Publishes an agent that follows ``script``; it retries inside a run at once."""
        self._scripts[agent_id] = script
        retry = {"max_retries": 0, "backoff_base_ms": 1}
        sections = {"retry": retry, **members.pop("sections", {})}
        agent = {"id": agent_id, "model_id": agent_id, "system_prompt": "", "sections": sections}
        model = {"id": agent_id, "provider_id": "lab", "upstream_model": agent_id}
        options = {"scripts": self._scripts}
        self._documents["providers"] = [
            {"id": "lab", "adapter": "scripted", "adapter_options": options}
        ]
        self._put("models", model)
        self._put("agents", agent | members)
        seed_builtin(self._documents)

    def _put(self, namespace: str, document: dict[str, Any]) -> None:
        others = [each for each in self._documents[namespace] if each["id"] != document["id"]]
        self._documents[namespace] = [*others, document]

    def start(self) -> host.Host:
        self.host = host.of_this_process(sweeps=True)
        services_worker(self.host.wake)
        return self.host

    def stop(self) -> None:
        services_worker(None)
        host.stop()
        self.host = None

    def stop_claiming(self) -> host.Host:
        """The worker keeps what it has and takes nothing up any more; no claim is under way."""
        assert self.host
        wait_for(_no_more_claims(self.host))
        return self.host

    # --- verbs ---------------------------------------------------------------------------------

    def submit(self, content: str = "hello", **options: Any) -> Submitted:
        return services.submit(asking(content, **options))

    def steer(self, content: str, **options: Any) -> Submitted:
        return self.submit(content, mode=Mode.STEER, **options)

    def ask(self, content: str = "hello", **options: Any) -> Run:
        """Submits and waits until the run rests."""
        return self.rest(self.submit(content, **options).run)

    def decide(
        self, run: Run, reference: str, action: Any = "resume", payload: Any = None, **more: Any
    ) -> Run:
        decided = Decided(reference=reference, action=action, payload=payload, **more)
        return services.submit_decision(
            principal=ANONYMOUS, any_id=run.pk, decided=decided, missing=MISSING
        )

    # --- waiting -------------------------------------------------------------------------------

    def rest(self, run: Run, after_seq: int = 0) -> Run:
        """Waits for the end or the suspension of the run; the run as it is stored then."""
        while True:
            wait_for(_rested(run.pk, after_seq))
            run = fresh(run)
            if run.status in {Run.Status.WAITING, Run.Status.DONE}:
                return run
            # A decision took it up again at once.
            after_seq = run.last_seq

    def end(self, run: Run) -> Run:
        wait_for(_ended(run.pk))
        return fresh(run)

    def seen(self, run: Run, kind: type[AnyEvent] | tuple[type, ...], times: int = 1) -> None:
        """Waits until events of a kind were shown, committed or not."""
        wait_for(_seen(run.pk, kind, times))

    # --- looking -------------------------------------------------------------------------------

    def events(self, run: Run) -> list[AnyEvent]:
        return [record.event for record in log.read(run.pk)]


def services_worker(wake: Callable[[], None] | None) -> None:
    from runs import dispatch

    dispatch.set_local_worker(wake)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def wait_for(work: Any) -> Any:
    return loops.run_sync(work, PATIENCE)


async def _rested(run_id: str, after_seq: int) -> None:
    async for _ in log.follow(run_id, after_seq, stop_on_suspend=True, heartbeat=1):
        pass


async def _ended(run_id: str) -> None:
    async for _ in log.follow(run_id, heartbeat=1):
        pass


async def _seen(run_id: str, kind: Any, times: int) -> None:
    async with aclosing(log.follow(run_id, heartbeat=1)) as records:
        async for record in records:
            times -= isinstance(record and record.event, kind)
            if not times:
                return
    raise AssertionError(f"{run_id} ended without {kind}")


async def idle(engine: host.Host) -> None:
    """Returns when no run is in the host's hands."""
    while runs := [task for task in engine._tasks if task.get_name() == "run"]:
        await asyncio.wait(runs)


async def _no_more_claims(engine: host.Host) -> None:
    engine._stopping = True
    while claims := [task for task in engine._tasks if task.get_name() == "claim"]:
        await asyncio.wait(claims)


def expire_leases() -> None:
    past = now() - timedelta(seconds=1)
    Job.objects.filter(state=Job.State.CLAIMED).update(lease_until=past)


def conversation(thread_id: str = "t") -> list[tuple[str, str]]:
    """(role, text) of a thread's messages in stored order."""
    rows = Message.objects.filter(thread_id=thread_id).order_by("seq")
    return [(row.role, plain(row.content)) for row in rows]


def plain(blocks: Iterable[dict[str, Any]]) -> str:
    return "".join(block["text"] for block in blocks if block.get("type") == "text")


def calls_of(run: Run) -> list[ToolCall]:
    return list(ToolCall.objects.filter(run=run).order_by("step", "position"))


def untaken_input(run: Run) -> int:
    return RunInput.objects.filter(run=run, taken_at=None).count()


def with_events(records: Iterable[Record]) -> list[str]:
    return [record.event.type for record in records]


def also(request: Input, **changes: Any) -> Input:
    return replace(request, **changes)
