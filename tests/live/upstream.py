"""Somebody else's model endpoint: `@copilotkit/aimock`, a program of its own on loopback."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live.process import ROOT, ServerProcess
from tests.processes import scratch_folder

PROGRAM = ROOT / "tests/clients/node_modules/@copilotkit/aimock/dist/cli.js"
CHUNK_CHARACTERS = 8
CHUNK_MILLISECONDS = 30


@dataclass(frozen=True)
class Upstream:
    url: str

    def requests(self, path: str) -> list[dict[str, Any]]:
        """What it was sent to this path, in order."""
        answer = httpx.get(f"{self.url}/__aimock/journal", params={"path": path}, trust_env=False)
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found


@contextlib.contextmanager
def running_upstream(fixtures: list[dict[str, Any]]) -> Iterator[Upstream]:
    node = shutil.which("node")
    if node is None or not PROGRAM.exists():
        pytest.fail(
            "node or aimock is missing: `make test-setup` installs the clients of the tests"
        )
    with scratch_folder() as folder:
        process = _start(node, _written(folder, fixtures))
        try:
            line = process.wait_for_line(r"listening on http")
            found = re.search(r"http://[\d.]+:\d+", line)
            assert found, line
            yield Upstream(found[0])
        finally:
            process.end()


def _written(folder: Path, fixtures: list[dict[str, Any]]) -> Path:
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": fixtures}))
    return path


def _start(node: str, fixtures: Path) -> ServerProcess:
    options = ["-p", "0", "-f", str(fixtures), "--log-level", "info"]
    pace = ["-c", str(CHUNK_CHARACTERS), "-l", str(CHUNK_MILLISECONDS)]
    return ServerProcess("aimock", [node, str(PROGRAM), *options, *pace], os.environ)
