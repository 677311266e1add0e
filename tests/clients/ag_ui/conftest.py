"""Conversations of the real AG-UI clients, all releases in one node process."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
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
    node: "Node"

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
        return self.node.played(task, modern=self.is_modern)


def new_thread() -> str:
    return f"thread-{uuid4()}"


class Node:
    """A node process that plays one conversation after the other."""

    def __init__(self) -> None:
        if shutil.which("node") is None:
            pytest.fail("node was not found: it is needed for tests with the real AG-UI clients")
        self._process = subprocess.Popen(
            ["node", "ag_ui/drive.mjs"],
            cwd=CLIENTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def played(self, task: Json, *, modern: bool) -> Played:
        """What became of the task; every stream is checked against the rules of the protocol."""
        output = self._ask(task)
        assert "failure" not in output, output["failure"]
        runs = [each for each in output["results"] if "events" in each]
        for run in runs:
            if run.get("frames"):
                run["sent"] = frames_of(run["frames"].encode())
                verify(run["sent"], modern=modern)
        others = [each for each in output["results"] if "events" not in each]
        return Played(runs, others, output["warnings"], output["messages"])

    def _ask(self, task: Json) -> Json:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        found: Json = json.loads(self._process.stdout.readline() or '{"failure": "node ended"}')
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    process = Node()
    try:
        yield process
    finally:
        process.close()


@pytest.fixture(params=list(PACKAGES))
def client(request: pytest.FixtureRequest, server: LiveServer, node: Node) -> Client:
    return Client(request.param, server.url, node)


@pytest.fixture
def listing() -> Callable[[str], Json]:
    """The step that fetches a thread's messages."""
    return lambda thread_id: {"get": f"/v1/ag-ui/threads/{thread_id}/messages"}
