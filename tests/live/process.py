"""One server process with its log: start it, wait for what it prints, signal it, end it."""

import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from tests.processes import die_with_parent, stop

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT_LINES = 5_000


class ServerProcess:
    """A process in a group of its own; its output is read as it comes."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._changed = threading.Condition()
        self._closed = False
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        threading.Thread(target=self._read, name=f"log of {name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def log(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def wait_for_line(self, pattern: str, *, seconds: float = 30) -> str:
        """The first line, past or future, in which the regular expression is found.

        Raises TimeoutError, or RuntimeError when the process ends without printing it.
        """
        wanted, deadline = re.compile(pattern), time.monotonic() + seconds
        with self._changed:
            while True:
                for line in self._lines:
                    if wanted.search(line):
                        return line
                if self._closed:
                    raise RuntimeError(f"{self.name} ended without printing {pattern!r}")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{self.name} did not print {pattern!r} in {seconds:g} s")

    def kill(self, signal_number: signal.Signals, *, seconds: float = 30) -> int:
        """Send the signal to the process (not its children) and wait for its end: exit code."""
        self._popen.send_signal(signal_number)
        return self._popen.wait(seconds)

    def end(self) -> None:
        """Stop it politely, then by force, with every process it has started in its group."""
        stop(self._popen, signal.SIGTERM)

    def _read(self) -> None:
        output = self._popen.stdout
        assert output is not None
        with output:
            for line in output:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
