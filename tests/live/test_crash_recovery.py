"""Twenty runs at work when their worker is killed without a warning: none is lost or doubled."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.live.app.agents import CALLS, talk
from tests.live.client import wait_for
from tests.live.conftest import LEASE_SECONDS, Rough
from tests.live.rows import Rows

WANTED_SECONDS = LEASE_SECONDS + 10
TOLERATED_SECONDS = LEASE_SECONDS + 30
MIX = {
    "live-hold": 3,
    "live-hold-once": 2,
    "live-pair": 3,
    "live-store": 3,
    "live-count": 4,
    "live-text": 5,
}
UNKNOWN = "unknown_outcome"


NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Story:
    """What became of the runs. `keys` by run id; `lost` are those that the dead worker held
    when it was killed."""

    rough: Rough
    agents: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    killed_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    seconds: float = 0
    rows: dict[str, Rows] = field(default_factory=dict)

    def of(self, *agents: str) -> list[str]:
        return [run_id for run_id, agent in self.agents.items() if agent in agents]

    def begun(self, run_id: str, tool: str) -> int:
        return len(self.rough.work.executions(tool, self.keys[run_id]))

    # --- chapters ------------------------------------------------------------------------------
    def submit(self) -> None:
        for agent, number in MIX.items():
            for _ in range(number):
                key = self.rough.key(agent)
                run_id = self.rough.client.submit(agent, key)
                self.agents[run_id], self.keys[run_id] = agent, key

    def wait_until_busy(self) -> None:
        for run_id in self.agents:
            wait_for(partial(self._is_busy, run_id), bool, what=f"run {run_id} at work")

    def _is_busy(self, run_id: str) -> bool:
        """Its tool waits at the gate, or has ended and is in the log, or it talks."""
        for tool in CALLS[self.agents[run_id]]:
            if not self.begun(run_id, tool):
                return False
        if self.agents[run_id] in {"live-count", "live-store"}:
            kinds = [entry["event_type"] for entry in self.rough.client.events(run_id)]
            return "tool_call_done" in kinds
        return bool(self.rough.client.run(run_id)["status"] == "running")

    def kill(self) -> None:
        workers = {run_id: self.rough.client.worker_of(run_id) for run_id in self.agents}
        dead = self.rough.live.kill_worker()
        self.killed_at = datetime.now(UTC)
        self.lost = {run_id for run_id, worker in workers.items() if worker == dead}
        for key in self.keys.values():
            self.rough.work.open_gate(key)

    def finish(self) -> None:
        """Waits for all to end, except for those that ask a person, who then says: again."""
        began = time.monotonic()
        for run_id in self.agents:
            self._wait_for_rest(run_id)
        self.seconds = time.monotonic() - began
        for run_id in self.asked:
            ticket = self.rough.client.run(run_id)["waiting"]["ticket_ids"][0]
            assert self.rough.client.decide(run_id, ticket, "resume").status_code == 202
        for run_id in self.asked:
            self.rough.client.wait_for_end(run_id)
        self.rows = self.rough.rows.read(*self.agents)
        self.lost = {run_id for run_id in self.lost if self._ended_later(run_id)}

    def _ended_later(self, run_id: str) -> bool:
        """On a busy machine the shortest runs may have come to their end before the kill."""
        return datetime.fromisoformat(self.rows[run_id].run["finished_at"]) > self.killed_at

    def _wait_for_rest(self, run_id: str) -> None:
        run = self.rough.client.wait_for_status(run_id, "done", "waiting")
        if run["status"] == "waiting":
            self.asked.add(run_id)


def _play(rough: Rough, *, bring_back: bool) -> Story:
    rough.heal()
    while not bring_back and len(rough.live.worker_pids) < 2:
        rough.live.start_worker()
    if bring_back and rough.redis:
        # One worker holds everything, and the only one left is its own successor.
        while len(rough.live.worker_pids) > 1:
            rough.live.kill_worker(index=1)
    story = Story(rough)
    story.submit()
    story.wait_until_busy()
    story.kill()
    if bring_back:
        rough.live.start_worker()
    story.finish()
    return story


@pytest.fixture(
    scope="module",
    params=[
        "restarted",
        pytest.param("taken-over", marks=pytest.mark.leg("postgres")),
    ],
)
def story(request: pytest.FixtureRequest, rough_server: Rough) -> Story:
    return _play(rough_server, bring_back=request.param == "restarted")


def test_it_loses_runs_with_the_worker(story: Story) -> None:
    assert len(story.agents) == 20
    assert len(story.lost) >= 3


def test_it_ends_every_run_soon_after_the_lease(story: Story, show: Callable[[str], None]) -> None:
    show(
        f"20 runs at rest {story.seconds:.1f} s after a kill -9"
        f" (lease {LEASE_SECONDS} s, wanted {WANTED_SECONDS} s)"
    )
    assert {rows.run["termination_code"] for rows in story.rows.values()} == {"natural"}
    assert story.seconds < TOLERATED_SECONDS


def test_it_takes_every_lost_run_up_again(story: Story) -> None:
    attempts = {run_id: story.rows[run_id].run["attempt"] for run_id in story.lost}
    assert all(attempt > 1 for attempt in attempts.values()), attempts


def test_it_stores_every_message_exactly_once(story: Story) -> None:
    for run_id, agent in story.agents.items():
        tools = ["tool"] * len(CALLS[agent])
        called = ["assistant", *tools] if tools else []
        rows = story.rows[run_id]
        assert rows.roles == ["user", *called, "assistant"], agent
        assert rows.answer == talk(story.keys[run_id])
        assert len({message["message_id"] for message in rows.messages}) == len(rows.messages)


def test_it_leaves_logs_that_fold_to_the_rows(story: Story) -> None:
    assert {run_id: rows.misfold for run_id, rows in story.rows.items() if rows.misfold} == {}


def test_it_does_not_run_a_finished_call_again(story: Story) -> None:
    counted = story.of("live-count", "live-pair")
    assert {run_id: story.begun(run_id, "count") for run_id in counted} == dict.fromkeys(counted, 1)


def test_it_runs_an_idempotent_call_again_that_was_under_way(story: Story) -> None:
    held = [run_id for run_id in story.of("live-hold", "live-pair") if run_id in story.lost]
    assert {run_id: story.begun(run_id, "hold") for run_id in held} == dict.fromkeys(held, 2)


def test_it_stores_the_effect_of_a_transactional_call_once(story: Story) -> None:
    stored = story.of("live-store")
    assert {run_id: story.rows[run_id].effects for run_id in stored} == dict.fromkeys(stored, 1)


def test_it_asks_a_person_what_became_of_a_call_that_may_not_be_repeated(story: Story) -> None:
    assert story.asked == set(story.of("live-hold-once")) & story.lost
    for run_id in story.asked:
        (call,) = story.rows[run_id].calls
        assert call["suspension"]["kind"] == UNKNOWN
        assert story.begun(run_id, "hold_once") == 2  # the person said: again
