"""Metrics of several processes in one folder (``PROMETHEUS_MULTIPROC_DIR``).

Each process keeps its values in files of its own there, and whoever answers ``/metrics`` adds them
up. The files are named after host, process id and start time: process ids alone repeat between
containers that share the folder and after a restart of one container.
"""

import os
import re
import socket
from pathlib import Path
from typing import Any

import prometheus_client.multiprocess
from django.core.exceptions import ImproperlyConfigured
from prometheus_client.registry import Collector

from agentserver.core import env

# Parts of the library have no types.
_prometheus: Any = prometheus_client

_HOST = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())
_LIVE_FILE = re.compile(r"gauge_live[a-z]*_(?P<owner>.+-(?P<pid>\d+)-(?P<started>\d+))\.db")


def shared_folder() -> Path | None:
    """Where the processes keep their metrics; None when each keeps its own in memory."""
    folder = env.text("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None


def all_processes(folder: Path) -> Collector:
    """The metrics of every process that shares the folder, added up."""
    collector: Collector = _prometheus.multiprocess.MultiProcessCollector(None, path=str(folder))
    return collector


def install() -> None:
    """Chooses how metrics store their values; to be called before the first metric is made."""
    _prometheus.disable_created_metrics()
    folder = shared_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"PROMETHEUS_MULTIPROC_DIR cannot be made: {error.strerror}"
        ) from error
    _prometheus.values.ValueClass = _prometheus.values.MultiProcessValue(Identity())


class Identity:
    """The name of the calling process, made anew after a fork."""

    def __init__(self) -> None:
        self._pid = 0
        self._name = ""

    def __call__(self) -> str:
        pid = os.getpid()
        if pid != self._pid:
            self._name = f"{_HOST}-{pid}-{started(pid)}"
            self._pid = pid
        return self._name


def started(pid: int) -> int:
    """When a process of this machine started, in clock ticks since boot; 0 where nobody tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    # The second field is the program's name in parentheses, and may hold spaces and parentheses.
    return int(stat.rpartition(b")")[2].split()[19])


def forget_dead(folder: Path) -> None:
    """Drops the gauges of processes of this host that ended, however they ended.

    Their counters stay: a counter that shrinks looks like a restart of everything. Gauges that
    count what is open now belong to web processes only, which share a host with the reader.
    """
    for file in folder.glob(f"gauge_live*_{_HOST}-*.db"):
        match = _LIVE_FILE.fullmatch(file.name)
        if match and not _runs(int(match["pid"]), int(match["started"])):
            _prometheus.multiprocess.mark_process_dead(match["owner"], str(folder))


def _runs(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return started(pid) == start
