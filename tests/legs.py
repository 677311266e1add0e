"""Runs the suite on both legs; the last line is for machines: ``N passed, N failed, N skipped``.

    python -m tests.legs [--leg sqlite|postgres] [arguments of pytest]

The legs run side by side, each a pytest process of its own; the output of the second follows the
output of the first. Results for tools lie in ``.cache/tests/<leg>.xml`` (JUnit).

Real servers, clients and clocks share the machine with whatever else it does. Up to five failed
tests of a leg run once more when both legs are through. The closing line counts what the second run
said; lines above it name every test that passed in the second run only.
"""

import argparse
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO
from xml.etree import ElementTree

import pytest

from tests import services
from tests.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".cache" / "tests"
LEGS = ("sqlite", "postgres")
MOST_AGAIN = 5


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, outcomes: Iterable[str]) -> None:
        for outcome in outcomes:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _outcome(case: ElementTree.Element) -> str:
    told = {child.tag: child.get("type") for child in case}
    if told.keys() & {"failure", "error"}:
        return "failed"
    return "skipped" if told.get("skipped", "pytest.xfail") != "pytest.xfail" else "passed"


class Leg:
    """One pytest process. ``background`` keeps its output back until ``finish`` is called."""

    def __init__(
        self, name: str, arguments: list[str], *, background: bool = False, again: bool = False
    ) -> None:
        self.name = name
        self.result = RESULTS / f"{name}{'-again' * again}.xml"
        self.result.unlink(missing_ok=True)
        self._stack = contextlib.ExitStack()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *self._options(again), *arguments],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL if background else None,
            stdout=subprocess.PIPE if background else None,
            stderr=subprocess.STDOUT if background else None,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        if self.process.stdout:
            reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
            reader.start()

    def _options(self, again: bool) -> list[str]:
        # What failed last is remembered for each leg by itself.
        own = [f"--junit-xml={self.result}", f"--override-ini=cache_dir={RESULTS / self.name}"]
        return [*own, "--last-failed", "--last-failed-no-failures=none"] if again else own

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "AGENTSERVER_TESTS_LEG": self.name}
        if self.name == "postgres":
            started = self._stack.enter_context(services.running())
            environment = started.environment(environment)
        return environment

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._lines.put(line)
        self._lines.put(None)

    def finish(self) -> int:
        """Show what was kept back, wait for the end, stop the services; pytest's exit code."""
        if self.process.stdout:
            for line in iter(self._lines.get, None):
                sys.stdout.write(line)
                sys.stdout.flush()
        code = self.process.wait()
        self._stack.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self._stack.close()

    def outcomes(self) -> dict[str, str]:
        """What became of each test, by its name."""
        cases = ElementTree.parse(self.result).iter("testcase") if self.result.exists() else ()
        return {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in cases}


def run(names: list[str], arguments: list[str]) -> int:
    """Run the legs at once, print the closing line, return pytest's exit code (the worst one)."""
    tally = Tally()
    codes: list[int] = []
    second_run: list[str] = []
    for name, code, outcomes in _first_run(names, arguments):
        ended, failed = code, _failed(outcomes)
        if _deserves_another(outcomes):
            ended, said = _run_again(name, arguments)
            passed = [test for test in failed if said.get(test) == "passed"]
            outcomes |= dict.fromkeys(passed, "passed")
            second_run += [f"{name}: {test}\n" for test in passed]
            ended = ended if passed == failed else code
        codes.append(ended)
        tally.add(outcomes.values())
    code = _worst(codes)
    if code and not tally.failed and code != pytest.ExitCode.NO_TESTS_COLLECTED:
        # A crashed leg or a refused skip: the closing line must not read like a success.
        tally.failed = 1
        sys.stdout.write(f"no test failed, but pytest ended with {codes} on {names}\n")
    if second_run:
        sys.stdout.writelines(["passed in a second run only:\n", *second_run])
    sys.stdout.write(f"{tally}\n")
    return code


def _first_run(names: list[str], arguments: list[str]) -> list[tuple[str, int, dict[str, str]]]:
    with contextlib.ExitStack() as stack:
        legs: list[Leg] = []
        for name in names:
            legs.append(Leg(name, arguments, background=bool(legs)))
            stack.callback(legs[-1].close)
        return [(leg.name, leg.finish(), leg.outcomes()) for leg in legs]


def _run_again(name: str, arguments: list[str]) -> tuple[int, dict[str, str]]:
    leg = Leg(name, arguments, again=True)
    with contextlib.closing(leg):
        return leg.finish(), leg.outcomes()


def _failed(outcomes: dict[str, str]) -> list[str]:
    return [test for test, outcome in outcomes.items() if outcome == "failed"]


def _deserves_another(outcomes: dict[str, str]) -> bool:
    """A few failures may be the machine's; many, or a skip where none is allowed, are ours."""
    refused = "skipped" in outcomes.values() and os.environ.get("AGENTSERVER_TESTS_NO_SKIP")
    return 0 < len(_failed(outcomes)) <= MOST_AGAIN and not refused


def _worst(codes: list[int]) -> int:
    """5 (no tests collected) is fine for one leg as long as the other ran something."""
    empty = pytest.ExitCode.NO_TESTS_COLLECTED
    if all(code == empty for code in codes):
        return int(empty)
    return max((abs(code) for code in codes if code != empty), default=0)


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.legs", description=__doc__)
    parser.add_argument("--leg", choices=LEGS, action="append", help="only this leg")
    options, arguments = parser.parse_known_args()
    if sys.stdout.isatty():
        arguments.append("--color=yes")
    RESULTS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _raise_exit)
    return run(options.leg or list(LEGS), arguments)


if __name__ == "__main__":
    sys.exit(main())
