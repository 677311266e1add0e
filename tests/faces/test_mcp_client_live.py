"""Servers of worker processes that are killed: nothing of them stays, and somebody takes over."""

from pathlib import Path
from typing import Any

import httpx

from tests.faces.mcp_client_lab import is_alive, pid_in, plain, until
from tests.live.server import StartServer

SOON = {"AGENTSERVER_LEASE_SECONDS": "2", "AGENTSERVER_MCP_REFRESH_SECONDS": "2"}
STATUS = "/v1/mcp-servers/plain/status"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_it_ends_with_its_killed_worker_and_is_taken_over_by_another(
    start_server: StartServer, tmp_path: Path
) -> None:
    live = start_server(workers=2, env=SOON)
    with httpx.Client(base_url=live.url, timeout=30, trust_env=False) as http:

        def status() -> Any:
            return http.get(STATUS).json()

        assert http.post("/v1/config/mcp-servers", json=plain(tmp_path)).status_code == 201
        until(lambda: status()["connected"])
        first = pid_in(tmp_path)
        live.kill_worker(index=live.worker_pids.index(parent_of(first)))
        until(lambda: not is_alive(first))
        if not live.worker_pids:
            live.start_worker()
        second = until(lambda: pid_in(tmp_path) != first and pid_in(tmp_path))
        until(lambda: status()["session_generation"] == 2)
        assert http.delete("/v1/config/mcp-servers/plain").status_code == 204
        until(lambda: not is_alive(second))
        assert http.get(STATUS).status_code == 404
