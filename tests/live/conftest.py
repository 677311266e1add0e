"""The server that tests maltreat, and clients to it and to the session's shared one."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live.app.work import FOLDER_VARIABLE, Work
from tests.live.client import Client
from tests.live.databases import DatabaseTemplate
from tests.live.redis_server import RedisServer, running_redis
from tests.live.rows import RowReader, Rows, row_reader
from tests.live.server import LiveServer, live_server

LEASE_SECONDS = 2
"""Of the rough server; the default is ten."""
WORKERS = 2
_figures: list[str] = []


@dataclass(frozen=True)
class Rough:
    """A server with the app of the tests; on the leg ``postgres`` with two workers, and `redis`."""

    live: LiveServer
    client: Client
    work: Work
    rows: RowReader
    redis: RedisServer | None

    def key(self, name: str) -> str:
        """A user's words that occur nowhere else."""
        return f"{name}-{uuid4().hex[:8]}"

    def read(self, run_id: str) -> Rows:
        return self.rows.read(run_id)[run_id]

    def heal(self) -> None:
        """Brings back whatever a test has broken."""
        if not self.live.worker_pids:
            self.live.restart()
        while self.redis and len(self.live.worker_pids) < WORKERS:
            self.live.start_worker()


@pytest.fixture(scope="session")
def rough_server(
    database_template: DatabaseTemplate | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rough]:
    work = Work(tmp_path_factory.mktemp("work"))
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(running_redis()) if database_template else None
        live = stack.enter_context(
            live_server(database_template, workers=WORKERS, env=_environment(work.folder, redis))
        )
        client = stack.enter_context(Client(live.url))
        yield Rough(live, client, work, stack.enter_context(row_reader(live)), redis)


def _environment(folder: Path, redis: RedisServer | None) -> dict[str, str]:
    environment = {
        "AGENTSERVER_APPS": "tests.live.app",
        "AGENTSERVER_LEASE_SECONDS": str(LEASE_SECONDS),
        # Webhooks of tests listen on this machine.
        FOLDER_VARIABLE: str(folder),
    }
    return environment | ({"REDIS_URL": redis.url} if redis else {})


@pytest.fixture
def rough(rough_server: Rough) -> Rough:
    rough_server.heal()
    return rough_server


@pytest.fixture
def client(server: LiveServer) -> Iterator[Client]:
    """To the shared server with its demo agents."""
    with Client(server.url) as shared:
        yield shared


@pytest.fixture(scope="session")
def show() -> Callable[[str], None]:
    """Takes a measured figure; all of them stand at the end of the output."""
    return _figures.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures of the live servers")
        for figure in _figures:
            terminalreporter.line(figure)
