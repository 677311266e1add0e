"""What a live server's database says about runs, read by a process beside it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.live.client import text_of
from tests.live.process import ROOT
from tests.live.server import LiveServer

READER = "live_rows"
"""Name of the reader's sessions in Postgres."""


@dataclass(frozen=True)
class Rows:
    """All rows of one run and its thread; equal when nothing at all has changed.

    `misfold` is empty when the stored log folds to exactly the other rows, `effects` counts what
    transactional tools of the test app have stored for it.
    """

    run: dict[str, Any]
    messages: list[dict[str, Any]]
    events: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    effects: int
    misfold: str

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.messages]

    @property
    def answer(self) -> str:
        return text_of(self.messages[-1])


class RowReader:
    """Belongs to a server that has the app of the tests; prepares its database for the app."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def read(self, *run_ids: str) -> dict[str, Rows]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(run_ids) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        assert set(found) == set(run_ids)
        return {run_id: Rows(**rows) for run_id, rows in found.items()}

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the reader of rows has ended; see the output of this test"
        return json.loads(line)


@contextlib.contextmanager
def row_reader(server: LiveServer) -> Iterator[RowReader]:
    environment = dict(server.environment)
    if url := environment.get("DATABASE_URL"):
        environment["DATABASE_URL"] = f"{url}?application_name={READER}"
    with subprocess.Popen(
        [sys.executable, "manage.py", "live_rows"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield RowReader(process)
        finally:
            process.kill()
