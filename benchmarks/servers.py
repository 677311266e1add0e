"""The servers under measurement, and the floor under the same web server."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Final, Literal

from benchmarks.usage import Group, group
from tests import services
from tests.environment import clean
from tests.live.databases import DatabaseTemplate
from tests.live.process import ServerProcess
from tests.live.server import BASE_ENVIRONMENT, live_server
from tests.processes import free_port, wait_until

Kind = Literal["embedded", "scaled"]
KINDS: Final[tuple[Kind, ...]] = ("embedded", "scaled")
_MODEL_PORT: Final = r"listening on (\d+)"


@dataclass(frozen=True)
class Target:
    """A server to load. `groups` are its processes by the part they play."""

    kind: Kind
    port: int
    groups: tuple[Group, ...]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def model_endpoint() -> Iterator[str]:
    """The base URL of a model endpoint in a process of its own."""
    process = ServerProcess("model", [sys.executable, "-m", "benchmarks.model"], os.environ)
    try:
        port = process.wait_for_line(_MODEL_PORT).split()[-1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.end()


@contextlib.contextmanager
def server(kind: Kind, model_url: str) -> Iterator[Target]:
    """An agent server as a user would run it, with the agents of the benchmarks."""
    environment = {
        "AGENTSERVER_APPS": "benchmarks.content",
        "AGENTSERVER_EGRESS_ALLOW": "127.0.0.1",
        "AGENTSERVER_RUNS_PER_WORKER": "2000",
        "BENCHMARK_MODEL_URL": model_url,
    }
    if kind == "embedded":
        # Services that `make bench` has started are for the other kind.
        environment |= {"DATABASE_URL": "", "REDIS_URL": ""}
    with contextlib.ExitStack() as stack:
        template = stack.enter_context(_template()) if kind == "scaled" else None
        live = stack.enter_context(live_server(template, env=environment))
        if kind == "scaled":
            live.manage("load_defaults")
        yield Target(kind, live.port, _groups(kind))


def _groups(kind: Kind) -> tuple[Group, ...]:
    if kind == "embedded":
        return (group("server", "manage.py", "serve"),)
    return group("web", "gunicorn"), group("worker", "celery", "worker")


@contextlib.contextmanager
def floor(kind: Kind, model_url: str) -> Iterator[Target]:
    """The relay, served by uvicorn as the embedded server is, else by gunicorn as in production."""
    port = free_port()
    environment = {**os.environ, "BENCHMARK_MODEL_URL": model_url}
    process = ServerProcess("floor", [sys.executable, *_command(kind, port)], environment)
    try:
        wait_until(lambda: _is_healthy(port), what="the relay")
        yield Target(kind, port, (group("relay", "benchmarks.relay"),))
    finally:
        process.end()


def _command(kind: Kind, port: int) -> list[str]:
    application = "benchmarks.relay:application"
    if kind == "embedded":
        options = ["--lifespan", "off", "--log-level", "warning", "--no-access-log"]
        return ["-m", "uvicorn", application, "--port", str(port), *options]
    options = ["--worker-class", "asgi", "--workers", "1", "--no-control-socket"]
    return ["-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", *options]


def _is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def _template() -> Iterator[DatabaseTemplate]:
    """A migrated database on the Postgres of the environment, else on one of our own (durable)."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get("DATABASE_URL") or stack.enter_context(services.postgres(fsync=True))
        template = DatabaseTemplate(url, {**clean(dict(os.environ)), **BASE_ENVIRONMENT})
        stack.callback(template.close)
        yield template
