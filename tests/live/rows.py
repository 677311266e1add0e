"""What a live server's database says about runs, read by a process beside it."""

import json
from dataclasses import dataclass
from typing import Any

from tests.live.client import text_of
from tests.live.server import LiveServer


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


def read_rows(server: LiveServer, *run_ids: str) -> dict[str, Rows]:
    found = json.loads(server.manage("live_rows", *run_ids).splitlines()[-1])
    assert set(found) == set(run_ids)
    return {run_id: Rows(**rows) for run_id, rows in found.items()}
