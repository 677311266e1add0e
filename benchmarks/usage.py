"""CPU time and memory of groups of processes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

Roots = Callable[[], Iterable[psutil.Process]]


@dataclass(frozen=True)
class Group:
    """Processes that play one part in a server, with all their children."""

    name: str
    roots: tuple[psutil.Process, ...]

    def cpu_seconds(self) -> float:
        """User and system time so far, of children that ended as well."""
        return sum(_cpu(process) for process in self._all())

    def rss_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self._all())

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._all()]

    def _all(self) -> list[psutil.Process]:
        return [
            process
            for root in self.roots
            for process in (root, *root.children(recursive=True))
            if process.is_running()
        ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    ended_children = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended_children)


def group(name: str, *words: str) -> Group:
    """The children of this process whose command line holds all the words."""
    found = [
        child
        for child in psutil.Process().children()
        if all(word in " ".join(child.cmdline()) for word in words)
    ]
    if not found:
        raise RuntimeError(f"no process with {' '.join(words)} is running")
    return Group(name, tuple(found))
