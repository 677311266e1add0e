"""A worker that is asked to stop: its runs go on at once, without waiting for a lease."""

import signal
import time
from collections.abc import Callable

from tests.live.app.agents import talk
from tests.live.conftest import Rough

HANDED_BACK = "the worker shut down"
"""Why a viewer's text is void: written by the worker that goes, never by one that follows it."""


def test_it_hands_its_run_back(rough: Rough, show: Callable[[str], None]) -> None:
    key = rough.key("stop")
    run_id = rough.client.submit("live-text", key)
    with rough.client.watch(run_id) as stream:
        next(frame for frame in stream if frame.kind == "text_delta")

    began = time.time()
    rough.live.kill_worker(
        signal.SIGTERM, index=rough.live.worker_pids.index(rough.client.worker_of(run_id))
    )
    gone = time.time()
    if not rough.live.worker_pids:
        rough.live.start_worker()
    with rough.client.watch(run_id) as stream:
        voided = [frame for frame in stream if frame.kind in {"stream_reset", "run_start"}][1:]

    resumed = voided[1].data["created_at"] / 1000
    show(f"SIGTERM: gone after {gone - began:.1f} s, run on after {resumed - began:.1f} s")
    assert [frame.native.get("reason") for frame in voided] == [HANDED_BACK, None]
    assert rough.read(run_id).answer == talk(key)
