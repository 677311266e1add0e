"""The tracked files of this checkout, for tests that read source."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = (
    "agentserver",
    "config",
    "threads",
    "memory",
    "runs",
    "a2a/agentserver_a2a",
    "mcp/agentserver_mcp",
)
_UNTRACKED = {
    ".cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "data",
    "dist",
    "node_modules",
    "staticfiles",
}


@cache
def tracked_files() -> tuple[Path, ...]:
    """What git tracks or would track; without git (an unpacked archive) every project file."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [
            path for path in ROOT.rglob("*") if not _UNTRACKED & set(path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(path for path in found if path.is_file()))


def python_files() -> list[Path]:
    """The application's own modules: no tests, no migrations."""
    roots = [ROOT / package for package in PACKAGES]
    return [
        path
        for path in tracked_files()
        if path.suffix == ".py"
        and any(root in path.parents for root in roots)
        and "migrations" not in path.parts
    ]


def text_lines(path: Path) -> list[str]:
    """The lines of a text file; none of a binary one."""
    content = path.read_bytes()
    return [] if b"\0" in content else content.decode("utf-8").splitlines()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a module as (place, lines of its body and signature)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield place, node.end_lineno - node.lineno + 1
