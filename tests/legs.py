"""Runs the suite on both legs; the last line is for machines: ``N passed, N failed, N skipped``.

    python -m tests.legs [--leg sqlite|postgres] [arguments of pytest]

The legs run side by side, each a pytest process of its own; the output of the second follows the
output of the first. Results for tools lie in ``.cache/tests/<leg>.xml`` (JUnit).
"""

import argparse
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
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


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, case: ElementTree.Element) -> None:
        outcomes = {child.tag: child.get("type") for child in case}
        if outcomes.keys() & {"failure", "error"}:
            self.failed += 1
        elif "skipped" in outcomes and outcomes["skipped"] != "pytest.xfail":
            self.skipped += 1
        else:
            self.passed += 1

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Leg:
    """One pytest process. ``background`` keeps its output back until ``finish`` is called."""

    def __init__(self, name: str, arguments: list[str], *, background: bool) -> None:
        self.name = name
        self.result = RESULTS / f"{name}.xml"
        self.result.unlink(missing_ok=True)
        self._stack = contextlib.ExitStack()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", f"--junit-xml={self.result}", *arguments],
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

    def cases(self) -> Iterator[ElementTree.Element]:
        if self.result.exists():
            yield from ElementTree.parse(self.result).iter("testcase")


def run(names: list[str], arguments: list[str]) -> int:
    """Run the legs at once, print the closing line, return pytest's exit code (the worst one)."""
    tally = Tally()
    legs: list[Leg] = []
    codes: list[int] = []
    with contextlib.ExitStack() as stack:
        for name in names:
            leg = Leg(name, arguments, background=bool(legs))
            stack.callback(leg.close)
            legs.append(leg)
        for leg in legs:
            codes.append(leg.finish())
            for case in leg.cases():
                tally.add(case)
    code = _worst(codes)
    if code and not tally.failed and code != pytest.ExitCode.NO_TESTS_COLLECTED:
        # A crashed leg or a refused skip: the closing line must not read like a success.
        tally.failed = 1
        sys.stdout.write(f"no test failed, but pytest ended with {codes} on {names}\n")
    sys.stdout.write(f"{tally}\n")
    return code


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
