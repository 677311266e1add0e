"""Metrics of several processes in one folder, with real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.process import ROOT
from tests.telemetry.samples import scraped

pytestmark = pytest.mark.leg("sqlite")  # touches no service

SETUP = """
import os, sys, agentserver, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")
django.setup()
from agentserver.telemetry import instruments, processes
"""
COUNT = """
instruments.RUNS.labels("natural_end").inc()
instruments.OPEN_STREAMS.inc()
print("counted", flush=True)
sys.stdin.read()
"""
FORK = """
instruments.RUNS.labels("natural_end").inc()
if os.fork() == 0:
    instruments.RUNS.labels("natural_end").inc()
    os._exit(0)
os.wait()
"""
SCRAPE = """
from prometheus_client import generate_latest
from agentserver.telemetry.views import _Everything, processes
from agentserver.telemetry import collectors
collectors.register("runs", tuple)  # counts rows otherwise, and there is no database here
print(generate_latest(_Everything()).decode())
"""
RUNS = ("agentserver_runs_total", (("outcome", "natural_end"),))
STREAMS = ("agentserver_open_streams", ())


class Folder:
    """Starts processes that share one metrics folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(path)}
        self._running: list[subprocess.Popen[str]] = []

    def start_counting(self) -> subprocess.Popen[str]:
        """A process that has counted one run, holds one stream open, and lives on."""
        process = self._popen(SETUP + COUNT)
        assert process.stdout
        assert process.stdout.readline() == "counted\n"
        return process

    def run(self, program: str) -> str:
        process = self._popen(SETUP + program)
        output, _ = process.communicate()
        assert process.returncode == 0
        return output

    def scrape(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return scraped(self.run(SCRAPE))

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()

    def _popen(self, program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    shared = Folder(tmp_path / "metrics")
    yield shared
    shared.close()


def test_it_adds_up_what_all_processes_counted(folder: Folder) -> None:
    folder.start_counting()
    folder.start_counting()

    found = folder.scrape()

    assert (found[RUNS], found[STREAMS]) == (2, 2)


def test_it_keeps_the_counts_of_a_killed_process_but_not_its_gauges(folder: Folder) -> None:
    folder.start_counting()
    doomed = folder.start_counting()
    doomed.kill()
    doomed.wait()

    found = folder.scrape()

    assert (found[RUNS], found[STREAMS]) == (2, 1)


def test_it_forgets_a_dead_process_whose_id_lives_again(folder: Folder) -> None:
    first = folder.start_counting()
    (gauges,) = folder.path.glob("gauge_livesum_*.db")
    # What a process with the same id, started at another time, would have left behind.
    host_and_id, _, _ = gauges.stem.rpartition("-")
    gauges.rename(gauges.with_name(f"{host_and_id}-1.db"))

    assert first.poll() is None
    assert folder.scrape().get(STREAMS, 0) == 0


def test_it_leaves_the_gauges_of_another_host_alone(folder: Folder) -> None:
    folder.start_counting()
    (gauges,) = folder.path.glob("gauge_livesum_*.db")
    gauges.rename(gauges.with_name("gauge_livesum_elsewhere-999999999-1.db"))

    assert folder.scrape()[STREAMS] == 1


def test_it_counts_a_forked_process_in_files_of_its_own(folder: Folder) -> None:
    folder.run(FORK)

    assert folder.scrape()[RUNS] == 2
    assert len(list(folder.path.glob("counter_*.db"))) >= 2
