"""The engine of one worker process: claims jobs while it has room, renews leases, listens, sweeps.

One asyncio loop runs all runs of the process; database work happens in its own threads. The host is
started by the Celery worker (or by the embedded one) and never by importing anything.
"""

import asyncio
import logging
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import close_old_connections

from agentserver.core import loops
from agentserver.core.database import DATABASE_DOWN
from agentserver.core.ids import new_id
from runs import dispatch, metrics
from runs.engine import assembly, companions
from runs.engine.db_threads import DatabaseThreads
from runs.engine.endings import Exit
from runs.engine.rhythm import every
from runs.engine.session import Draining, LostRun, Session, Stopped
from runs.events.changes import announce_change
from runs.events.live import channel
from runs.mailbox import claim as claims
from runs.mailbox import families, sweep
from runs.mailbox.claim import Claim
from runs.mailbox.settle import FIRST_DELAY
from runs.providers import close_clients

if TYPE_CHECKING:
    from runs.engine.loop import Loop

logger = logging.getLogger(__name__)

DB_THREADS = 8
TOOL_THREADS = 32
CLAIM_BATCH = 16
RENEWALS_PER_LEASE = 3
DRAIN_SECONDS = 10.0
PRUNE_SECONDS = 60.0
CLOSE_SECONDS = 2.0
RETRY_SECONDS = FIRST_DELAY.total_seconds() + 0.05


class Host:
    """Runs of this process, by job id. Everything but `wake`, `start` and `stop` is loop-only."""

    def __init__(self, *, sweeps: bool) -> None:
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        self._sweeps = sweeps
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: Counter[str] = Counter()
        # Control messages that came in while jobs were being claimed: one may be for them.
        self._unheard: list[dict[str, Any]] = []
        self._claiming = False
        self._woken = False
        self._stopping = False
        self._db = DatabaseThreads(DB_THREADS, "engine-db")
        # Renewals wait for nobody: a lease that ran out in the queue would cost the whole run.
        self._leases = DatabaseThreads(1, "engine-leases")
        self._tools = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix="tool")
        self._unsubscribe: Callable[[], None] = lambda: None

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        self._unsubscribe = channel().on_control(self._on_control)
        loops.submit(self._start())

    async def _start(self) -> None:
        renewal = settings.AGENTSERVER_LEASE_SECONDS / RENEWALS_PER_LEASE
        self._spawn(every(renewal, self._renew))
        if self._sweeps:
            self._spawn(every(settings.AGENTSERVER_SWEEP_SECONDS, self._sweep))
            self._spawn(every(PRUNE_SECONDS, self._prune))
        for name, companion in companions.registered().items():
            self._spawn(companions.supervise(name, companion, self), name="companion")
        self._wake()

    def stop(self) -> None:
        """Stops claiming, lets steps come to a rest, gives every run back to the queue."""
        self._unsubscribe()
        loops.run_sync(self._drain(), DRAIN_SECONDS + 5)
        self._db.close()
        self._leases.close()
        self._tools.shutdown(wait=False, cancel_futures=True)

    async def _drain(self) -> None:
        self._stopping = True
        for session in self._sessions.values():
            session.stop(Draining)
        deadline = loops.background_loop().time() + DRAIN_SECONDS
        while running := [task for task in self._tasks if task.get_name() in {"run", "claim"}]:
            left = deadline - loops.background_loop().time()
            if left <= 0:
                break
            await asyncio.wait(running, timeout=left)
        beside = [task for task in self._tasks if task.get_name() == "companion"]
        await companions.stop(beside, CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await close_clients()

    # --- claiming ---------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be work. Callable from any thread."""
        loops.background_loop().call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = True
        if not self._claiming and not self._stopping:
            self._claiming = True
            self._spawn(self._claim(), name="claim")

    async def _claim(self) -> None:
        try:
            while self._woken and not self._stopping:
                self._woken = False
                await self._claim_batch()
        except DATABASE_DOWN:
            logger.warning("the database did not answer a claim; the sweeper tries again")
        finally:
            self._claiming = False
            self._unheard.clear()

    async def _claim_batch(self) -> None:
        limit = min(self._room(), CLAIM_BATCH)
        if limit <= 0:
            return
        ready = await self.in_db(assembly.claim, worker=self.worker_id, limit=limit)
        for claim, registry in ready:
            session = self._admit(claim, registry)
            self._spawn(self._execute(session), name="run")
        unheard, self._unheard = self._unheard, []
        for message in unheard:
            self._hear(message)
        self._woken = self._woken or len(ready) == limit

    def _admit(self, claim: Claim, registry: Any) -> Session:
        session = Session(
            claim=claim, registry=registry, channel=channel(), run_in_thread=self.in_db
        )
        # A lease that ran out here may come back to this very process.
        before = self._sessions.get(claim.job.pk)
        if before:
            before.stop(LostRun)
        self._sessions[claim.job.pk] = session
        if self._stopping:
            session.stop(Draining)
        return session

    def _room(self) -> int:
        """A run that only waits for delegates does not count: they may need its place."""
        busy = len(self._sessions) - len(self._waiting)
        return settings.AGENTSERVER_RUNS_PER_WORKER - busy

    # --- executing --------------------------------------------------------------------------

    async def _execute(self, session: Session) -> None:
        claim = session.claim
        metrics.observe_claimed(claim.job)
        turn = {"run_id": claim.run.pk, "turn": claim.run.turn}
        session.channel.notify_thread(claim.run.thread_id, turn)
        announce_change("runs", claim.run.pk, thread_id=claim.run.thread_id, event="run_started")
        try:
            rest = await self._run(session)
        finally:
            if self._sessions.get(claim.job.pk) is session:
                del self._sessions[claim.job.pk]
        await self._after(session, rest)

    async def _run(self, session: Session) -> Exit:
        loop: Loop | None = None
        try:
            loop = await assembly.build(session, self)
            return await loop.run()
        except LostRun:
            return Exit.LOST
        except DATABASE_DOWN:
            # The lease runs out and the sweeper hands the run to a worker with a database.
            logger.exception("run %s lost its database", session.run_id)
            return Exit.LOST
        except Exception as error:
            logger.exception("run %s failed", session.run_id)
            return await assembly.fail(session, loop, error)

    async def _after(self, session: Session, rest: Exit) -> None:
        claim = session.claim
        if rest is Exit.RELEASED:
            await self.in_db(claims.release, job_id=claim.job.pk, token=claim.token)
            await self.in_db(dispatch.wake)
        if rest is Exit.MORE_WORK or self._room() == 1:
            self._wake()
        if rest is Exit.RETRY:
            self._wake_later()
        if claim.run.parent_id and rest in {Exit.DONE, Exit.MORE_WORK}:
            await self.in_db(families.tell_parent, claim.run.pk)

    def _wake_later(self) -> None:
        # The first back-off is over by then; for longer ones there is the sweeper.
        loops.background_loop().call_later(RETRY_SECONDS, self._wake)

    # --- leases and messages ----------------------------------------------------------------

    async def _renew(self) -> None:
        sessions = dict(self._sessions)
        if not sessions:
            return
        held = {job_id: session.claim.token for job_id, session in sessions.items()}
        lost, stopping = await self._leases.run(claims.renew, claims=held)
        for job_id in lost:
            sessions[job_id].stop(LostRun)
        for job_id in stopping:
            sessions[job_id].stop(Stopped)

    async def _prune(self) -> None:
        await self.in_db(sweep.prune)

    async def _sweep(self) -> None:
        swept = await self.in_db(sweep.sweep)
        if swept.due:
            self._wake()

    def _on_control(self, message: dict[str, Any]) -> None:
        if self._claiming:
            self._unheard.append(message)
        self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "wake":
            self._wake()
        for session in list(self._sessions.values()):
            if kind == "resync":
                session.inbox_hint = True
            elif session.run_id == message.get("run_id"):
                self._tell(session, kind)

    def _tell(self, session: Session, kind: Any) -> None:
        if kind == "cancel":
            session.stop(Stopped)
        elif kind == "input":
            session.inbox_hint = True

    # --- threads and tasks ------------------------------------------------------------------

    async def in_db(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Runs database work in a thread whose connection stays open for the next."""
        return await self._db.run(work, *arguments, **options)

    async def run_tool(self, work: Callable[[], Any]) -> Any:
        """Runs a synchronous tool in a thread that may block for as long as the tool likes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._tools, partial(_with_closed_connection, work))

    def child_wait(self, session: Session, change: int) -> None:
        """A run starts or stops waiting for one of its delegates."""
        key = session.claim.token + session.run_id
        self._waiting[key] += change
        if not self._waiting[key]:
            del self._waiting[key]
        if change > 0:
            self._wake()

    def _spawn(self, work: Coroutine[Any, Any, Any], *, name: str = "host") -> None:
        task = loops.background_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("a task of the engine failed", exc_info=task.exception())


def _with_closed_connection(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        close_old_connections()


class _Process:
    lock = threading.Lock()
    host: Host | None = None


def of_this_process(*, sweeps: bool = False) -> Host:
    """The host of this process, started at first use."""
    with _Process.lock:
        if _Process.host is None:
            _Process.host = Host(sweeps=sweeps)
            _Process.host.start()
        return _Process.host


def stop() -> None:
    with _Process.lock:
        host, _Process.host = _Process.host, None
    if host:
        host.stop()
