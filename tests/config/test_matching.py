"""Globs and regular expressions of users."""

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.matching import PatternError, glob, regex

TEXT = st.text(alphabet="ab-^\\./\n{]!é", max_size=6)
# Without brackets: fnmatch takes sets like [b-a] that this matcher refuses.
GLOB = st.text(alphabet="ab*?!-^\\./\n{", max_size=8)


@given(GLOB, TEXT)
def test_it_matches_as_fnmatch_does(pattern: str, text: str) -> None:
    assert glob(pattern)(text) is fnmatch.fnmatchcase(text, pattern)


@given(TEXT)
def test_it_matches_a_pattern_without_wildcards_only_by_itself(text: str) -> None:
    assert glob(text)(text)
    assert not glob(text)(text + "x")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[abc]x", "bx", True),
        ("[!abc]x", "bx", False),
        ("[a-c]x", "bx", True),
        ("[]]", "]", True),
        ("[", "[", True),
        ("a[b", "a[b", True),
        ("src/**", "src/a/b.py", True),
        ("*", "", True),
        ("?", "é", True),
    ],
)
def test_it_knows_sets_and_leaves_open_brackets_alone(
    pattern: str, text: str, expected: bool
) -> None:
    assert glob(pattern)(text) is expected


def test_it_judges_texts_that_are_not_unicode() -> None:
    assert glob("rm *")("rm \ud800")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "unclosed group"),
        ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        ("a{1000}{1000}", "Compiled regex exceeds size limit"),
        ("x" * 513, "at most 512 characters"),
    ],
)
def test_it_says_why_a_regular_expression_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        regex(pattern)


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"^(a|a)*$", r"^(.*a){12}$"])
def test_it_is_not_stalled_by_patterns_that_stall_a_backtracking_engine(pattern: str) -> None:
    began = time.monotonic()
    regex(pattern)("a" * 5000 + "!")
    assert time.monotonic() - began < 2
