"""The official conformance suite of MCP, run against a server and read back as a score."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.processes import scratch_folder

CLIENTS = Path(__file__).parent.parent
NODE = CLIENTS / "node_modules/.bin/node"
SUITE = CLIENTS / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}
"""Revision -> scenarios that a server of that revision has to pass."""
SECONDS = 120
_LINE = re.compile(r"^\s*([✓✗]) ([\w.-]+)(:| \()", re.MULTILINE)


@dataclass(frozen=True)
class Score:
    """Scenario -> passed, those that count and those that do not."""

    required: dict[str, bool]
    others: dict[str, bool]
    output: str

    @property
    def failed(self) -> list[str]:
        return sorted(name for name, passed in self.required.items() if not passed)

    def __str__(self) -> str:
        return f"{sum(self.required.values())}/{len(self.required)}"


def run_suite(url: str, revision: str) -> Score:
    """Runs the requirements of a revision against the server at this address."""
    with scratch_folder() as folder:
        command = [str(NODE), str(SUITE), "server", "--url", url, "--requirements", revision]
        done = subprocess.run(
            [*command, "-o", str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    return _score(done.stdout + done.stderr)


def _score(output: str) -> Score:
    scenarios: dict[str, bool] = {}
    unscored: set[str] = set()
    for mark, name, after in _LINE.findall(output):
        if after == ":":
            scenarios[name] = mark == "✓"
        else:
            unscored.add(name)
    return Score(
        required={name: passed for name, passed in scenarios.items() if name not in unscored},
        others={name: passed for name, passed in scenarios.items() if name in unscored},
        output=output,
    )
