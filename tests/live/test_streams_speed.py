"""How soon a caller sees something. Loose limits: the figures are what counts."""

import time
from collections.abc import Callable

from tests.live.client import Client

TRIES = 5
WANTED_SECONDS = 0.150
TOLERATED_SECONDS = 0.500


def _first_byte(client: Client) -> float:
    began = time.perf_counter()
    with client.start("demo-echo", "hello") as answer:
        parts = answer.iter_raw()
        next(parts)
        seconds = time.perf_counter() - began
        list(parts)  # to the end, so that the connection is used again
    return seconds


def test_it_sends_the_first_byte_at_once(client: Client, show: Callable[[str], None]) -> None:
    _first_byte(client)  # the first run loads what later ones share

    tries = sorted(_first_byte(client) for _ in range(TRIES))

    figures = ", ".join(f"{seconds * 1000:.0f}" for seconds in tries)
    show(f"first byte of POST /v1/runs: {figures} ms (wanted {WANTED_SECONDS * 1000:.0f})")
    assert tries[0] < TOLERATED_SECONDS
