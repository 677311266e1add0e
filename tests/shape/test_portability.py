"""Tracked files name no package registry and no path of one particular machine."""

import re

import pytest

from tests.shape.source import ROOT, text_lines, tracked_files

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

# Written in pieces so that this file does not contain what it forbids.
REGISTRIES = [
    "pypi" + ".org/simple",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry.yarn" + "pkg.com",
    "--index" + "-url",
    "--extra-index" + "-url",
]
MACHINE_PATHS = ["/home/", "/Users/", "/root/"]
_LONGER_PATH = r"(?<![\w./~-])"


def places_of(pattern: str) -> list[str]:
    wanted = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_files()
        if path.name != "test_portability.py"
        for number, line in enumerate(text_lines(path), 1)
        if wanted.search(line)
    ]


@pytest.mark.parametrize("address", REGISTRIES)
def test_it_names_no_package_registry(address: str) -> None:
    assert places_of(rf"{re.escape(address)}(?!\w)") == []


@pytest.mark.parametrize("folder", MACHINE_PATHS)
def test_it_names_no_path_of_one_machine(folder: str) -> None:
    assert places_of(_LONGER_PATH + re.escape(folder) + r"\w") == []


def test_it_does_not_name_the_place_of_this_checkout() -> None:
    # A checkout directly below / (a container) has a path that is everybody's.
    assert ROOT.parent.name == "" or places_of(_LONGER_PATH + re.escape(f"{ROOT}/")) == []
