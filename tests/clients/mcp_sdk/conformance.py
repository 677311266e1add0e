"""``make conformance``: both requirement sets against every way to serve, as a table."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.clients.mcp_sdk.suite import REQUIRED, run_suite
from tests.environment import clean
from tests.live.process import ServerProcess
from tests.live.server import BASE_ENVIRONMENT
from tests.processes import free_port, scratch_folder, wait_until

GUNICORN = ("-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}")
SERVERS = {
    "uvicorn": ("-m", "uvicorn", "agentserver.asgi:application", "--port", "{port}"),
    "runserver": ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    "gunicorn asgi": (*GUNICORN, "--worker-class", "asgi", "agentserver.asgi:application"),
    "gunicorn wsgi": (*GUNICORN, "--threads", "16", "agentserver.wsgi:application"),
}


def main() -> int:
    """1 when any required scenario fails."""
    failed = False
    sys.stdout.write(f"{'server':<16}" + "".join(f"{name:>14}" for name in REQUIRED) + "\n")
    with scratch_folder() as folder:
        environment = _environment(folder)
        _migrate(environment)
        for name, command in SERVERS.items():
            with serving(command, environment) as url:
                scores = [run_suite(url, revision) for revision in REQUIRED]
            sys.stdout.write(f"{name:<16}" + "".join(f"{score!s:>14}" for score in scores) + "\n")
            for score, wanted in zip(scores, REQUIRED.values(), strict=True):
                if score.failed or len(score.required) != wanted:
                    failed = True
                    sys.stdout.write(f"  failed: {', '.join(score.failed) or score.output}\n")
    return int(failed)


def _environment(folder: Path) -> dict[str, str]:
    ours = {"AGENTSERVER_DATA": str(folder / "data"), "AGENTSERVER_APPS": "tests.mcp_fixtures"}
    return {**clean(dict(os.environ)), **BASE_ENVIRONMENT, "DEBUG": "1", **ours}


def _migrate(environment: Mapping[str, str]) -> None:
    process = ServerProcess("migrate", [sys.executable, "manage.py", "migrate"], environment)
    wait_until(lambda: not process.running, what="the migrations", seconds=60)


@contextmanager
def serving(command: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[str]:
    port = free_port()
    filled = [part.format(port=port) for part in command]
    process = ServerProcess(filled[0], [sys.executable, *filled], environment)
    try:
        wait_until(lambda: _answers(port), what=f"the server\n{process.log}", seconds=60)
        yield f"http://127.0.0.1:{port}/v1/mcp"
    finally:
        process.end()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
