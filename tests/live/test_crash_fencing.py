"""A worker that slept through its lease and wakes up while, or after, another does its work."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.live.app.agents import talk
from tests.live.conftest import Rough
from tests.live.rows import Rows
from tests.live.sse import Frame, shown_text

pytestmark = pytest.mark.leg("postgres")  # needs two workers


@dataclass(frozen=True)
class Awakening:
    """`seen` is what a viewer saw who was there all the time, `later` what a late one sees."""

    text: str
    seen: list[Frame]
    later: list[Frame]
    before: Rows
    after: Rows


@pytest.fixture(scope="module")
def awakening(rough_server: Rough) -> Awakening:
    rough_server.heal()
    client, key = rough_server.client, rough_server.key("fence")
    run_id = client.submit("live-text", key)
    with client.watch(run_id) as stream:
        seen = _up_to(stream, lambda frame: frame.kind == "text_delta")
        with _asleep(client.worker_of(run_id)) as sleeper:
            # The successor has begun to talk when the sleeper wakes up in the middle of its own.
            seen += _up_to(stream, lambda frame: frame.kind == "stream_reset")
            seen += _up_to(stream, lambda frame: frame.kind == "text_delta")
        seen += stream
    before = rough_server.read(run_id)
    _let_it_work(rough_server, sleeper)
    after = rough_server.read(run_id)
    with client.watch(run_id) as stream:
        later = list(stream)
    return Awakening(talk(key), seen, later, before, after)


def _up_to(stream: Iterator[Frame], wanted: Callable[[Frame], bool]) -> list[Frame]:
    found: list[Frame] = []
    for frame in stream:
        found.append(frame)
        if wanted(frame):
            return found
    raise AssertionError(f"the stream ended with {found[-1:]}")


@contextmanager
def _asleep(pid: int) -> Iterator[int]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


def _let_it_work(rough: Rough, pid: int) -> None:
    """Until it has done another run, longer than what was left of the one it lost."""
    (other,) = [index for index, each in enumerate(rough.live.worker_pids) if each != pid]
    rough.live.kill_worker(index=other)
    run_id = rough.client.submit("live-text", rough.key("after"))
    rough.client.wait_for_status(run_id, "running")
    assert rough.client.worker_of(run_id) == pid
    rough.client.wait_for_end(run_id)


def test_it_changes_no_row_of_a_run_that_another_worker_ended(awakening: Awakening) -> None:
    assert awakening.after == awakening.before
    assert awakening.before.roles == ["user", "assistant"]
    assert awakening.before.misfold == ""


def test_it_shows_a_viewer_nothing_of_the_worker_that_lost_the_run(awakening: Awakening) -> None:
    positions = [frame.data["seq"] for frame in awakening.seen]
    assert positions == sorted(positions)
    assert shown_text(awakening.seen) == awakening.text == awakening.before.answer


def test_it_shows_a_late_viewer_only_what_was_stored(awakening: Awakening) -> None:
    assert shown_text(awakening.later) == awakening.text
    attempts = [frame for frame in awakening.later if frame.kind == "run_start"]
    assert len(attempts) == 1
    assert awakening.later[-1].kind == "run_finish"
