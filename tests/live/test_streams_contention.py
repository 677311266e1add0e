"""Several callers want the same thread, or want a run to end."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.client import Client
from tests.live.sse import Frame, frames

SLOW = "demo-slow"
CANCELLED_WITHIN_SECONDS = 3


@pytest.mark.parametrize("callers", [2, 5])
def test_it_lets_one_of_simultaneous_starts_win(client: Client, callers: int) -> None:
    thread_id = client.new_thread()

    def start(number: int) -> tuple[int, str]:
        with client.start(SLOW, f"caller {number}", thread_id=thread_id) as answer:
            seen = list(frames(answer.iter_lines())) if answer.status_code == 200 else []
        return answer.status_code, _ending(seen)

    with ThreadPoolExecutor(callers) as pool:
        answers = sorted(pool.map(start, range(callers)))

    assert answers.count((200, "natural_end")) == 1
    losers = [answer for answer in answers if answer != (200, "natural_end")]
    assert set(losers) <= {(200, "cancelled"), (409, "")}


def _ending(seen: list[Frame]) -> str:
    return str(seen[-1].native["termination"]["type"]) if seen else ""


def test_it_ends_the_stream_of_a_cancelled_run(client: Client, show: Callable[[str], None]) -> None:
    with client.start(SLOW, "hello") as answer:
        stream = frames(answer.iter_lines())
        next(frame for frame in stream if frame.kind == "text_delta")
        began = time.monotonic()
        cancelled = client.http.post(f"/v1/runs/{answer.headers['x-run-id']}/cancel")
        rest = list(stream)

    assert cancelled.status_code == 202
    assert _ending(rest) == "cancelled"
    show(f"stream of a cancelled run ended after {rest[-1].at - began:.2f} s (wanted: 1)")
    assert rest[-1].at - began < CANCELLED_WITHIN_SECONDS
