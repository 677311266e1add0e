"""A worker that is asked to stop: its runs go on at once, without waiting for a lease."""

import signal
import time
from collections.abc import Callable

from tests.live.client import Client
from tests.live.server import StartServer

LEASE_SECONDS = 45


def test_it_hands_its_run_back(start_server: StartServer, show: Callable[[str], None]) -> None:
    """With a lease so long that a run which was not handed back would miss the deadline."""
    server = start_server(workers=2, env={"AGENTSERVER_LEASE_SECONDS": str(LEASE_SECONDS)})
    with Client(server.url) as client:
        run_id = client.submit("demo-slow", "hello")
        with client.watch(run_id) as stream:
            next(frame for frame in stream if frame.kind == "text_delta")
        index = server.worker_pids.index(client.worker_of(run_id))
        began = time.monotonic()
        server.kill_worker(signal.SIGTERM, index=index)
        stopped = time.monotonic()
        if not server.worker_pids:
            server.start_worker()
        with client.watch(run_id) as stream:
            next(frame for frame in stream if frame.kind == "run_start" and frame.data["seq"] > 1)
            resumed = time.monotonic()
        run = client.wait_for_end(run_id, seconds=LEASE_SECONDS / 2)

    show(
        f"SIGTERM: worker gone after {stopped - began:.1f} s, run on after {resumed - began:.1f} s"
    )
    assert run["termination_code"] == "natural"
    assert resumed - began < LEASE_SECONDS / 3
