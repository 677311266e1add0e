"""Conversations of the real AG-UI clients, each release in a node process of its own."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faces.ag_ui_verify import frames_of, verify
from tests.live.server import LiveServer

CLIENTS = Path(__file__).parent.parent
PACKAGES = {
    "1.0.0": "@ag-ui/client",
    "0.0.59": "@ag-ui/client-0.0.59",
    "0.0.52": "@ag-ui/client-0.0.52",
}
SECONDS = 60
Json = dict[str, Any]


@dataclass
class Played:
    """`runs` are the results of the steps that ran the agent, `others` those of the rest."""

    runs: list[Json]
    others: list[Json]
    warnings: list[str]
    messages: list[Json] = field(default_factory=list)

    @property
    def last(self) -> Json:
        return self.runs[-1]


@dataclass
class Client:
    """One release of the client. ``play`` takes the steps that `drive.mjs` describes."""

    version: str
    base: str

    @property
    def is_modern(self) -> bool:
        return self.version == "1.0.0"

    def play(
        self, agent: str, *steps: Json, thread_id: str = "", path: str = "", **options: Any
    ) -> Played:
        task = {
            "package": PACKAGES[self.version],
            "url": f"{self.base}{path or f'/v1/ag-ui/agents/{agent}/runs'}",
            "base": self.base,
            "threadId": thread_id or new_thread(),
            "agent": options,
            "steps": steps,
        }
        return played(task, modern=self.is_modern)


def new_thread() -> str:
    return f"thread-{uuid4()}"


def played(task: Json, *, modern: bool) -> Played:
    """Runs the driver and checks every stream it received against the rules of the protocol."""
    if shutil.which("node") is None:
        pytest.fail("node was not found: it is needed for tests with the real AG-UI clients")
    done = subprocess.run(
        ["node", "ag_ui/drive.mjs"],
        cwd=CLIENTS,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    runs = [each for each in output["results"] if "events" in each]
    for run in runs:
        if run.get("frames"):
            run["sent"] = frames_of(run["frames"].encode())
            verify(run["sent"], modern=modern)
    others = [each for each in output["results"] if "events" not in each]
    return Played(runs, others, output["warnings"], output["messages"])


@pytest.fixture(params=list(PACKAGES))
def client(request: pytest.FixtureRequest, server: LiveServer) -> Client:
    return Client(request.param, server.url)


@pytest.fixture
def listing() -> Callable[[str], Json]:
    """The step that fetches a thread's messages."""
    return lambda thread_id: {"get": f"/v1/ag-ui/threads/{thread_id}/messages"}
