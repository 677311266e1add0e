"""How slow the machine is while something is measured.

On shared processors the same work may take twice the CPU time a minute later, because a neighbour
uses the other half of the core. A small piece of fixed work, repeated beside the measurement, tells
by how much.
"""

import threading
import time
from statistics import fmean
from typing import Final

_LOOPS: Final = 20_000
_PAUSE_SECONDS: Final = 0.05
_REFERENCE_UNITS: Final = 200


def _unit() -> float:
    """CPU seconds that the fixed work takes now."""
    began = time.thread_time()
    sum(range(_LOOPS))
    return time.thread_time() - began


class Pace:
    """``with reference.measure() as pace: ...`` and then `pace.slowdown`, 1 on a quiet machine."""

    def __init__(self, best: float) -> None:
        self._best = best
        self._units: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pace", daemon=True)

    @property
    def slowdown(self) -> float:
        return fmean(self._units) / self._best if self._units else 1.0

    def __enter__(self) -> "Pace":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self._units.append(_unit())


class Reference:
    """The best time this machine was ever seen to need."""

    def __init__(self) -> None:
        self._best = min(_unit() for _ in range(_REFERENCE_UNITS))

    def measure(self) -> Pace:
        self._best = min(self._best, *(_unit() for _ in range(_REFERENCE_UNITS)))
        return Pace(self._best)


reference: Final = Reference()
