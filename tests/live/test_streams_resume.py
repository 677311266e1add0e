"""Viewers that come, go and come back: each ends up with exactly what is stored."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.live.app.agents import talk
from tests.live.client import END_SECONDS, Client, Json, text_of
from tests.live.conftest import Rough
from tests.live.server import LiveServer
from tests.live.sse import Frame, frames, received, shown_text

AGENT = "demo-slow"
CUTS = 40
LONGEST_PIECE = 3000


@dataclass(frozen=True)
class Watched:
    """One run, seen by several viewers at once; its starter went away after the first text."""

    run: Json
    stored: str
    entries: list[Json]
    steady: list[list[Frame]]
    flaky: list[Frame]
    connections: int


@pytest.fixture(scope="module")
def watched(server: LiveServer) -> Iterator[Watched]:
    with Client(server.url) as client, ThreadPoolExecutor(3) as pool:
        with client.start(AGENT, "hello") as answer:
            run_id = answer.headers["x-run-id"]
            steady = [pool.submit(_watch, client, run_id) for _ in range(2)]
            flaky = pool.submit(_come_and_go, client, run_id)
            next(frame for frame in frames(answer.iter_lines()) if frame.kind == "text_delta")
        seen, connections = flaky.result()
        run = client.wait_for_end(run_id)
        stored = text_of(client.messages(run_id)[-1])
        viewers = [viewer.result() for viewer in steady]
        yield Watched(run, stored, client.events(run_id), viewers, seen, connections)


def _watch(client: Client, run_id: str) -> list[Frame]:
    with client.watch(run_id) as stream:
        return list(stream)


def _come_and_go(client: Client, run_id: str) -> tuple[list[Frame], int]:
    """Each connection breaks at some byte; what had no position by then is asked for again."""
    # The same cuts in every run of the test.
    chance = random.Random(7)
    seen: list[Frame] = []
    for number in range(1, 1000):
        # After enough cuts the last one stays, so that the test ends.
        size = chance.randint(1, LONGEST_PIECE) if number < CUTS else 10**9
        position = seen[-1].id if seen else "0"
        seen += received(_piece(client, run_id, position or "0", size))
        if seen and seen[-1].kind == "run_finish":
            return seen, number
    raise AssertionError("the run never ended")


def _piece(client: Client, run_id: str, position: str, size: int) -> list[Frame]:
    path, headers = f"/v1/runs/{run_id}/events/stream", {"Last-Event-ID": position}
    got = bytearray()
    with client.http.stream("GET", path, headers=headers, timeout=END_SECONDS) as answer:
        assert answer.status_code == 200
        for part in answer.iter_raw():
            got += part
            if len(got) >= size:
                break
    return list(frames(bytes(got[:size]).decode(errors="ignore").split("\n")))


def _places(seen: list[Frame]) -> list[tuple[int, str]]:
    return [(frame.data["seq"], frame.kind) for frame in seen]


def test_it_finishes_a_run_whose_starter_went_away(watched: Watched) -> None:
    assert watched.run["termination_code"] == "natural"
    assert watched.run["final_output"] == watched.stored


def test_it_gives_a_returning_viewer_exactly_the_stored_text(watched: Watched) -> None:
    assert watched.connections > 10
    assert shown_text(watched.flaky) == watched.stored


def test_it_gives_a_returning_viewer_every_event_once(watched: Watched) -> None:
    committed = [(entry["seq"], entry["event_type"]) for entry in watched.entries]
    assert _places(watched.flaky) == committed


def test_it_shows_two_viewers_the_same_ids(watched: Watched) -> None:
    first, second = ([frame.id for frame in seen] for seen in watched.steady)
    assert first == second
    assert [frame.data for frame in watched.steady[0]] == watched.entries


def test_it_shows_text_while_the_model_still_talks(watched: Watched) -> None:
    seen = watched.steady[0]
    first = next(frame.at for frame in seen if frame.kind == "text_delta")
    assert seen[-1].at - first > 2  # the model talks for more than four seconds


@dataclass(frozen=True)
class Killed:
    """A run whose worker was killed while a viewer was there; the viewer came back afterwards."""

    text: str
    stored: str
    returning: list[Frame]
    late: list[Frame]


@pytest.fixture(scope="module")
def killed(rough_server: Rough) -> Killed:
    rough_server.heal()
    client, key = rough_server.client, rough_server.key("viewer")
    run_id = client.submit("live-text", key)
    seen: list[Frame] = []
    with client.watch(run_id) as stream:
        for frame in stream:
            seen.append(frame)
            if len(shown_text(seen)) > 50:
                break
    worker = rough_server.live.worker_pids.index(client.worker_of(run_id))
    rough_server.live.kill_worker(index=worker)
    rough_server.heal()
    seen = received(seen)
    with client.watch(run_id, seen[-1].id or "") as stream:
        seen += stream
    late = _watch(client, run_id)
    return Killed(talk(key), rough_server.read(run_id).answer, seen, late)


def test_it_gives_a_returning_viewer_the_stored_text_across_a_kill(killed: Killed) -> None:
    assert "stream_reset" in [frame.kind for frame in killed.returning]
    assert shown_text(killed.returning) == killed.stored == killed.text


def test_it_shows_a_late_viewer_the_run_that_was_killed(killed: Killed) -> None:
    assert shown_text(killed.late) == killed.stored
    assert killed.late[-1].kind == "run_finish"
