"""The fixtures keep their own promises: servers come, go, lose workers and come back."""

import urllib.request

import psutil
import pytest

from tests.live.server import LiveServer, StartServer


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


def test_it_shares_one_server(server: LiveServer) -> None:
    assert status_of(f"{server.url}/health") == 200


def test_it_comes_back_on_the_same_port_after_a_restart(start_server: StartServer) -> None:
    server = start_server()
    before = server.worker_pids

    server.restart()

    assert status_of(f"{server.url}/health") == 200
    assert not set(before) & set(server.worker_pids)


@pytest.mark.leg("postgres")
def test_it_replaces_a_killed_worker(start_server: StartServer) -> None:
    server = start_server(workers=2)

    gone = server.kill_worker()
    server.start_worker()

    assert not psutil.pid_exists(gone)
    assert len(server.worker_pids) == 2


def test_it_leaves_no_process_behind(start_server: StartServer) -> None:
    server = start_server()
    pids = server.worker_pids

    server.stop()

    assert not [pid for pid in pids if psutil.pid_exists(pid)]
