"""A question that is asked before everything is restarted, and answered afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.app.agents import talk
from tests.live.client import Json
from tests.live.conftest import Rough

DECISIONS = 20


def _asking(rough: Rough, key: str) -> tuple[str, str]:
    """A run that waits, and its ticket."""
    run_id = rough.client.submit("live-ask", key)
    run = rough.client.wait_for_status(run_id, "waiting")
    return run_id, run["waiting"]["ticket_ids"][0]


def _kinds(entries: list[Json]) -> list[str]:
    return [entry["event_type"] for entry in entries]


def test_it_takes_up_a_waiting_run_after_everything_was_restarted(rough: Rough) -> None:
    key = rough.key("ask")
    run_id, ticket = _asking(rough, key)

    rough.live.restart()
    answer = rough.client.decide(run_id, ticket, "resume")
    run = rough.client.wait_for_end(run_id)

    assert answer.status_code == 202
    assert run["termination_code"] == "natural"
    rows = rough.read(run_id)
    assert rows.roles == ["user", "assistant", "tool", "assistant"]
    assert rows.answer == talk(key)
    assert rows.misfold == ""
    assert len(rough.work.executions("count", key)) == 1


@pytest.fixture(scope="module")
def decided(rough_server: Rough) -> tuple[str, list[int], int]:
    """The user's words, the answers to equal decisions in parallel, and that to another one."""
    rough_server.heal()
    key = rough_server.key("parallel")
    run_id, ticket = _asking(rough_server, key)

    def decide(_number: int) -> int:
        return rough_server.client.decide(run_id, ticket, "resume").status_code

    with ThreadPoolExecutor(DECISIONS) as pool:
        equal = list(pool.map(decide, range(DECISIONS)))
    other = rough_server.client.decide(run_id, ticket, "cancel", payload="no").status_code
    rough_server.client.wait_for_end(run_id)
    assert "tool_call_resumed" in _kinds(rough_server.client.events(run_id))
    return key, equal, other


def test_it_accepts_equal_decisions_that_come_together(
    decided: tuple[str, list[int], int],
) -> None:
    assert decided[1] == [202] * DECISIONS


def test_it_runs_the_call_once_for_many_equal_decisions(
    rough: Rough, decided: tuple[str, list[int], int]
) -> None:
    assert len(rough.work.executions("count", decided[0])) == 1


def test_it_refuses_another_decision_than_the_one_it_has(
    decided: tuple[str, list[int], int],
) -> None:
    assert decided[2] == 409
