"""The folder that tools and tests share: a list of executions, and gates that tests open.

`FOLDER_VARIABLE` names it. Appending one short line is atomic, and survives a kill at any moment.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "LIVE_APP_FOLDER"
POLL_SECONDS = 0.02
GATE_SECONDS = 90


@dataclass(frozen=True)
class Execution:
    """A line of the list: `moment` is ``begin`` or ``end``, `pid` the process it happened in."""

    tool: str
    key: str
    moment: str
    pid: int


@dataclass(frozen=True)
class Work:
    folder: Path

    def note(self, tool: str, key: str, moment: str) -> None:
        line = f"{tool}\t{key}\t{moment}\t{os.getpid()}\n"
        handle = os.open(self._list, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def executions(self, tool: str, key: str, moment: str = "begin") -> list[Execution]:
        return [
            each
            for each in self._all()
            if (each.tool, each.key, each.moment) == (tool, key, moment)
        ]

    def open_gate(self, key: str) -> None:
        self._gate(key).touch()

    def pass_gate(self, key: str) -> None:
        """Blocks until a test opens the gate; TimeoutError when none does."""
        deadline = time.monotonic() + GATE_SECONDS
        while not self._gate(key).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody opened the gate {key}")
            time.sleep(POLL_SECONDS)

    @property
    def _list(self) -> Path:
        return self.folder / "executions.tsv"

    def _gate(self, key: str) -> Path:
        return self.folder / f"gate-{key}"

    def _all(self) -> list[Execution]:
        if not self._list.exists():
            return []
        rows = [line.split("\t") for line in self._list.read_text().splitlines()]
        return [Execution(tool, key, moment, int(pid)) for tool, key, moment, pid in rows]


def of_this_process() -> Work:
    return Work(Path(os.environ[FOLDER_VARIABLE]))
