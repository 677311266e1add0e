"""Real servers for tests: the processes a user would start, on a fresh database.

On the leg ``sqlite`` that is one ``manage.py serve`` with its embedded worker; on ``postgres``
gunicorn, Celery workers and beat, with a Redis of their own. Tests use the fixtures:

- ``server``: one server for the whole session. Make your own threads; never stop it.
- ``start_server(...)``: a server of the test's own, to be killed and restarted at will.

Both are open to callers without keys and carry the demo content, unless ``env`` says otherwise.
"""

import contextlib
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol

import pytest
import redis

from tests import services
from tests.environment import LEG, clean
from tests.live.databases import DatabaseTemplate
from tests.live.process import ROOT, ServerProcess
from tests.processes import free_port, scratch_folder, wait_until

START_SECONDS = 60
REPORTED_CHARACTERS = 20_000
BASE_ENVIRONMENT = {
    "SECRET_KEY": "a-key-that-is-only-ever-used-by-live-servers-of-the-test-suite",
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "AGENTSERVER_REQUIRE_KEYS": "0",
    "AGENTSERVER_DEMO": "1",
    "SECURE_COOKIES": "0",
    "NO_PROXY": "localhost,127.0.0.1",
    "AGENTSERVER_EGRESS_ALLOW": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
}
_running: list["LiveServer"] = []


class LiveServer(ABC):
    """What both kinds of server offer to a test. ``workers`` execute runs, ``web`` answers HTTP."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, workers: int) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._worker_count = workers
        self._environment = dict(environment)
        self._processes: list[ServerProcess] = []
        self._ended: list[ServerProcess] = []

    # --- what the two kinds of server do differently ------------------------------------------
    @abstractmethod
    def _start_processes(self) -> None: ...

    @property
    @abstractmethod
    def _workers(self) -> list[ServerProcess]: ...

    @abstractmethod
    def start_worker(self) -> None:
        """Start one more process that executes runs, and wait until it takes work."""

    # --- life ----------------------------------------------------------------------------------
    def start(self) -> None:
        """Returns when ``GET /health`` answers 200 and every worker takes work."""
        _running.append(self)
        self._start_processes()
        self._wait(self._is_healthy, "the web server")

    def stop(self) -> None:
        """Polite (SIGTERM), all processes at once; the database stays."""
        for process in self._processes:
            if process.running:
                os.kill(process.pid, signal.SIGTERM)
        for process in self._processes:
            process.end()
        self._ended += self._processes
        self._processes = []
        if self in _running:
            _running.remove(self)

    def restart(self) -> None:
        """Stop and start again on the same port and database."""
        self.stop()
        self.start()

    # --- for tests of failure ------------------------------------------------------------------
    @property
    def environment(self) -> Mapping[str, str]:
        """What every process of this server is started with."""
        return self._environment

    @property
    def worker_pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    def kill_worker(self, signal_number: signal.Signals = signal.SIGKILL, *, index: int = 0) -> int:
        """End one running worker and return its pid, after it is gone.

        On the leg ``sqlite`` the worker lives in the serving process, so this ends the server:
        call ``restart`` (or ``start_worker``) to bring it back.
        """
        worker = self._workers[index]
        worker.kill(signal_number)
        self._processes.remove(worker)
        self._ended.append(worker)
        return worker.pid

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` against this server's database; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def logs(self) -> str:
        everyone = self._ended + self._processes
        return "\n".join(f"--- {process.name}\n{process.log}" for process in everyone)

    def wait_for_log(self, pattern: str, *, seconds: float = 30) -> str:
        """The first line with this pattern in the log of the newest worker."""
        return self._workers[-1].wait_for_line(pattern, seconds=seconds)

    # --- inside --------------------------------------------------------------------------------
    def _spawn(self, name: str, *command: str) -> ServerProcess:
        process = ServerProcess(name, [sys.executable, *command], self._environment)
        self._processes.append(process)
        return process

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        def ready_or_dead() -> bool:
            if any(not process.running for process in self._processes):
                raise RuntimeError(f"a process ended before {what} was ready\n{self.logs()}")
            return ready()

        try:
            wait_until(ready_or_dead, what=what, seconds=START_SECONDS)
        except TimeoutError as late:
            raise RuntimeError(f"{late}\n{self.logs()}") from None

    def _is_healthy(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class EmbeddedServer(LiveServer):
    """One process: SQLite, in-memory broker, worker in a thread."""

    def _start_processes(self) -> None:
        port, data = str(self.port), str(self.folder / "data")
        self._spawn("serve", "manage.py", "serve", "--port", port, "--data", data)

    @property
    def _workers(self) -> list[ServerProcess]:
        return self._processes

    def start_worker(self) -> None:
        self.restart()


class ScaledServer(LiveServer):
    """gunicorn, Celery workers and beat, as in production."""

    _workers_started = 0

    def _start_processes(self) -> None:
        for _ in range(self._worker_count):
            self._spawn_worker()
        schedule = str(self.folder / "beat-schedule")
        self._spawn("beat", "-m", "celery", "-A", "agentserver", "beat", "-s", schedule)
        self._spawn_web()
        self._await_workers()

    def _spawn_web(self) -> None:
        bind, processes = f"127.0.0.1:{self.port}", self._environment["WEB_CONCURRENCY"]
        application = "agentserver.asgi:application"
        command = ["-m", "gunicorn", application, "--worker-class", "asgi", "--bind", bind]
        # The control socket would lie in the home folder, one for all servers of this user.
        alone = ["--graceful-timeout", "5", "--no-control-socket"]
        self._spawn("web", *command, "--workers", processes, *alone)

    def _spawn_worker(self) -> None:
        self._workers_started += 1
        name = f"worker-{self._workers_started}"
        command = ["-m", "celery", "-A", "agentserver", "worker", "-P", "threads", "-c", "16"]
        # Without talk between workers a new one takes work a second earlier.
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self._spawn(name, *command, "-n", f"{name}@%h", *quiet)

    @property
    def _workers(self) -> list[ServerProcess]:
        return [process for process in self._processes if process.name.startswith("worker")]

    def start_worker(self) -> None:
        self._spawn_worker()
        self._await_workers()

    def _await_workers(self) -> None:
        with redis.Redis.from_url(self._environment["REDIS_URL"]) as client:
            database = str(client.connection_pool.connection_kwargs.get("db", 0))

            def all_take_work() -> bool:
                queue_readers = [
                    one
                    for one in client.client_list()
                    if one["cmd"] == "brpop" and one["db"] == database
                ]
                return len(queue_readers) >= len(self._workers)

            self._wait(all_take_work, "the Celery worker")


class StartServer(Protocol):
    def __call__(
        self, *, workers: int = 1, web_processes: int = 1, env: Mapping[str, str] | None = None
    ) -> LiveServer: ...


@contextlib.contextmanager
def live_server(
    template: DatabaseTemplate | None,
    *,
    workers: int = 1,
    web_processes: int = 1,
    env: Mapping[str, str] | None = None,
) -> Iterator[LiveServer]:
    """A started server; ``template`` decides the kind (None = embedded)."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        environment = {**clean(dict(os.environ)), **BASE_ENVIRONMENT}
        environment |= {"AGENTSERVER_DATA": str(folder / "data")}
        server: LiveServer
        if template:
            environment |= {
                "DATABASE_URL": stack.enter_context(template.clone()),
                "REDIS_URL": stack.enter_context(services.redis()),
                "WEB_CONCURRENCY": str(web_processes),
                "PROMETHEUS_MULTIPROC_DIR": str(folder),
            }
            server = ScaledServer(folder, {**environment, **(env or {})}, workers=workers)
        else:
            server = EmbeddedServer(folder, {**environment, **(env or {})}, workers=1)
        stack.callback(server.stop)
        server.start()
        yield server


@pytest.fixture(scope="session")
def database_template() -> Iterator[DatabaseTemplate | None]:
    """The migrated database that live servers copy; None on the leg ``sqlite``."""
    if LEG == "sqlite":
        yield None
        return
    environment = {**clean(dict(os.environ)), **BASE_ENVIRONMENT}
    template = DatabaseTemplate(os.environ["DATABASE_URL"], environment)
    try:
        yield template
    finally:
        template.close()


@pytest.fixture(scope="session")
def server(database_template: DatabaseTemplate | None) -> Iterator[LiveServer]:
    """The session's shared server."""
    with live_server(database_template) as shared:
        yield shared


@pytest.fixture
def start_server(database_template: DatabaseTemplate | None) -> Iterator[StartServer]:
    """Starts servers of the test's own; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(
            *, workers: int = 1, web_processes: int = 1, env: Mapping[str, str] | None = None
        ) -> LiveServer:
            return stack.enter_context(
                live_server(
                    database_template, workers=workers, web_processes=web_processes, env=env
                )
            )

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Append the end of every running server's log to the report of a failed test."""
    report = yield
    if report.failed:
        for live in _running:
            report.sections.append((f"log of {live.url}", live.logs()[-REPORTED_CHARACTERS:]))
    return report
