"""A transactional tool whose worker dies between its write and the commit."""

from tests.live.client import wait_for
from tests.live.conftest import Rough

TOOL = "hold_store"


def test_it_stores_the_effect_once_when_the_worker_dies_before_the_commit(rough: Rough) -> None:
    key = rough.key("store")
    run_id = rough.client.submit("live-hold-store", key)
    (begun,) = wait_for(lambda: rough.work.executions(TOOL, key), bool, what="the tool")
    worker = rough.live.worker_pids.index(begun.pid)

    rough.live.kill_worker(index=worker)
    rough.work.open_gate(key)
    rough.live.start_worker()
    rough.client.wait_for_end(run_id)

    rows = rough.read(run_id)
    assert len(rough.work.executions(TOOL, key)) == 2
    assert rows.effects == 1
    assert rows.misfold == ""
