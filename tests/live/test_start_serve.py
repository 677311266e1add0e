"""``manage.py serve`` and ``runserver`` in a terminal: started, stopped, restarted on a change."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.environment import clean
from tests.live.client import Client, text_of, wait_for
from tests.live.process import ServerProcess
from tests.live.server import BASE_ENVIRONMENT
from tests.live.sse import frames
from tests.processes import free_port, scratch_folder

pytestmark = pytest.mark.leg("sqlite")  # what is started here brings its own database

WANTED_START_SECONDS = 3
TOLERATED_START_SECONDS = 20
TOLERATED_STOP_SECONDS = 12
HANDED_BACK = "the worker shut down"
SLOW = "demo-slow"


class Terminal:
    """Starts commands on one data folder, as somebody at a terminal would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**clean(dict(os.environ)), **BASE_ENVIRONMENT}
        self.environment["AGENTSERVER_DATA"] = str(folder / "data")

    @contextmanager
    def running(self, *command: str, **variables: str) -> Iterator[tuple[ServerProcess, Client]]:
        """The process, and a client to the address that it prints."""
        process = ServerProcess(
            command[0], [sys.executable, "manage.py", *command], {**self.environment, **variables}
        )
        try:
            line = process.wait_for_line("agentserver is ready", seconds=60)
            address = re.search(r"http://[\d.]+:\d+", line)
            assert address, line
            with Client(address[0]) as client:
                yield process, client
        finally:
            process.end()

    def serve(self) -> AbstractContextManager[tuple[ServerProcess, Client]]:
        return self.running("serve", "--port", "0")


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    with scratch_folder() as folder:
        terminal = Terminal(folder)
        with terminal.serve():
            pass  # the first start makes the database
        yield terminal


def _talking(client: Client) -> str:
    """A run whose first text has been shown."""
    with client.start(SLOW, "hello") as answer:
        next(frame for frame in frames(answer.iter_lines()) if frame.kind == "text_delta")
        return str(answer.headers["x-run-id"])


def test_it_starts_quickly_the_second_time(terminal: Terminal, show: Callable[[str], None]) -> None:
    began = time.monotonic()
    with terminal.serve() as (_, client):
        seconds = time.monotonic() - began
        assert client.http.get("/health").status_code == 200

    show(f"second start of serve: {seconds:.1f} s (wanted {WANTED_START_SECONDS})")
    assert seconds < TOLERATED_START_SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_stops_soon_and_goes_on_with_its_runs(
    terminal: Terminal, number: signal.Signals, show: Callable[[str], None]
) -> None:
    with terminal.serve() as (process, client):
        run_id = _talking(client)
        began = time.monotonic()
        process.kill(number)
        seconds = time.monotonic() - began
    with terminal.serve() as (_, client):
        run = client.wait_for_end(run_id)
        resets = [each for each in client.events(run_id) if each["event_type"] == "stream_reset"]

    show(f"serve was gone {seconds:.1f} s after {number.name}")
    assert seconds < TOLERATED_STOP_SECONDS
    assert run["termination_code"] == "natural"
    assert [each["payload"]["reason"] for each in resets] == [HANDED_BACK]


def test_it_says_nothing_alarming_when_it_is_stopped(terminal: Terminal) -> None:
    with terminal.serve() as (process, _):
        process.kill(signal.SIGINT)

    assert "Traceback" not in process.log


# --- development -------------------------------------------------------------------------------

AGENTS = """
from config.defaults import agent, model, provider

said = [{"reply": [{"text": "WORDS"}]}]
quick = provider("dev", adapter="scripted", adapter_options={"script": said})
small = model("dev", provider="dev", upstream="dev")
developed = agent("developed", model="dev", tools=[])
"""


@pytest.fixture(scope="module")
def developed(terminal: Terminal) -> Path:
    """The module in which an app in development declares its agent."""
    app = terminal.folder / "code" / "developed_app"
    app.mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "agents.py").write_text(AGENTS.replace("WORDS", "before"))
    return app / "agents.py"


@pytest.fixture(scope="module")
def runserver(terminal: Terminal, developed: Path) -> Iterator[Client]:
    address = f"127.0.0.1:{free_port()}"
    code = str(developed.parent.parent)
    with terminal.running(
        "runserver", address, PYTHONPATH=code, AGENTSERVER_APPS="developed_app"
    ) as (_, client):
        yield client


def test_it_streams_event_by_event_in_development(runserver: Client) -> None:
    with runserver.start(SLOW, "hello") as answer:
        seen = list(frames(answer.iter_lines()))

    first = next(frame.at for frame in seen if frame.kind == "text_delta")
    assert seen[-1].at - first > 2  # the model talks for more than four seconds


def test_it_restarts_when_the_code_changes(runserver: Client, developed: Path) -> None:
    def answer() -> str:
        with runserver.start("developed", "hello") as started:
            list(frames(started.iter_lines()))
        return text_of(runserver.messages(started.headers["x-run-id"])[-1])

    before = answer()
    developed.write_text(AGENTS.replace("WORDS", "after"))

    assert before == "before"
    wait_for(answer, lambda said: said == "after", what="the new code")
