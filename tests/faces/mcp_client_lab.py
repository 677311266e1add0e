"""An engine with MCP servers beside it: what the tests of the client share."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agentserver.core.ids import new_id
from agentserver_mcp.client import discovery
from agentserver_mcp.client.lookup import known_server
from agentserver_mcp.models import ServerCatalog
from config import registry
from config.services import delete_entry, put_entry
from runs.events import live
from runs.models import Run, ToolCall
from runs.tools.source import sourced_tools
from tests.engine.lab import Lab, call, text, turns
from tests.processes import die_with_parent

SERVERS = Path(__file__).parent / "mcp_servers"
PATIENCE = 20.0
ID = "plain"


class Servers:
    """Configured servers, a running engine, and an agent that calls their tools.

    ``folder`` is where the plain server leaves its marks.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    # --- configuration --------------------------------------------------------------------------

    def put(self, **members: Any) -> None:
        """The plain server over stdio; ``members`` of its document."""
        put_server(plain(self.folder, **members))

    def ready(self, **members: Any) -> ServerCatalog:
        self.put(**members)
        return connected()

    def delete(self, server_id: str = ID) -> None:
        delete_entry(namespace="mcp-servers", key=server_id, actor="tests")

    # --- processes ------------------------------------------------------------------------------

    def serve(
        self, *command: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """A server of the test's own, which ends with the test."""
        process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        self._processes.append(process)
        return process

    def modern(self, port: int, issuer: str = "") -> "subprocess.Popen[bytes]":
        """The server of the newest revision, over HTTP; with an issuer it wants tokens."""
        env = {"MODERN_FOLDER": str(self.folder), "MODERN_ISSUER": issuer}
        return self.serve(sys.executable, str(SERVERS / "modern.py"), str(port), env=env)

    def plain_http(self, port: int) -> "subprocess.Popen[bytes]":
        """The plain server over HTTP; it answers when this returns."""
        (self.folder / "pid").unlink(missing_ok=True)
        arguments = ["-I", "-S", str(SERVERS / "plain.py"), str(self.folder), str(port)]
        process = self.serve(sys.executable, *arguments)
        pid_in(self.folder)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    # --- runs -----------------------------------------------------------------------------------

    def start(self, tool: str, /, agent_id: str = "a", **arguments: Any) -> Run:
        """A run of an agent that calls the tool and then says ``over``."""
        self.lab.agent(turns([call(tool, **arguments)], [text("over")]), agent_id)
        return self.lab.submit(thread_id=new_id(), agent_id=agent_id).run

    def call(self, tool: str, /, **arguments: Any) -> ToolCall:
        """One call in a run that ends well."""
        return self.end(self.start(tool, **arguments))

    def end(self, run: Run) -> ToolCall:
        done = self.lab.end(run)
        assert done.final_output == "over", done.termination_detail
        return ToolCall.objects.get(run=run)


@pytest.fixture
def servers(
    transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Servers]:
    monkeypatch.setattr(discovery, "TICK_SECONDS", 0.05)
    settings.AGENTSERVER_SWEEP_SECONDS = 0.05
    settings.AGENTSERVER_EGRESS_ALLOW = ["127.0.0.1"]
    registry.forget()
    live.reset()
    made = Servers(Lab(), tmp_path)
    made.lab.start()
    try:
        yield made
    finally:
        made.lab.stop()
        made.close()
        live.reset()
        registry.forget()


def put_server(document: Mapping[str, Any]) -> None:
    put_entry(namespace="mcp-servers", document=dict(document), actor="tests")


def plain(folder: Path, **members: Any) -> dict[str, Any]:
    arguments = ["-I", "-S", str(SERVERS / "plain.py"), str(folder)]
    return {
        **{"id": ID, "transport": "stdio", "command": sys.executable, "args": arguments},
        **members,
    }


def http(server_id: str, port: int, **members: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/mcp"
    return {"id": server_id, "transport": "http", "url": url, **members}


# --- looking ------------------------------------------------------------------------------------


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """What `condition` returns once that is true: for what happens in other processes, and for
    rows that discovery writes, of which nobody is told."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, what or "it did not come to that"
        time.sleep(0.02)
    return found


def state_of(server_id: str = ID) -> ServerCatalog:
    return known_server(server_id).state


def in_state(wanted: str, server_id: str = ID) -> ServerCatalog:
    def found() -> ServerCatalog | None:
        row = state_of(server_id)
        return row if row.state == wanted else None

    row: ServerCatalog = until(found, f"{server_id} did not become {wanted}")
    return row


def connected(server_id: str = ID) -> ServerCatalog:
    """Waits until discovery has asked the server."""
    return in_state("connected", server_id)


def offered() -> list[str]:
    """The ids of all tools of servers that a new run would be offered."""
    return sorted(tool.name for tool in sourced_tools(registry=registry.current(), agent_id="a"))


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def pid_in(folder: Path, mark: str = "pid") -> int:
    path = folder / mark
    return int(until(lambda: path.exists() and path.read_text(), f"no mark {mark}"))
