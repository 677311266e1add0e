"""Sizes that keep the code readable: limits on files and functions, and on the median function."""

from collections.abc import Callable
from statistics import median

import pytest

from tests.shape.source import ROOT, functions, python_files

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 45
MAX_MEDIAN_LINES = 10


def test_it_keeps_every_file_within_the_limit() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}

    assert {
        str(path.relative_to(ROOT)): lines
        for path, lines in lengths.items()
        if lines > MAX_FILE_LINES
    } == {}


def test_it_keeps_every_function_within_the_limit() -> None:
    assert {
        place: lines
        for path in python_files()
        for place, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    } == {}


def test_it_keeps_the_median_function_short(record_property: Callable[[str, object], None]) -> None:
    middle = median(lines for path in python_files() for _, lines in functions(path))

    record_property("median_function_lines", middle)
    assert middle <= MAX_MEDIAN_LINES
