"""The permission section (docs/native-api.md, Permission rules)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.permission import Decision, PermissionSection, decide, parse_pattern

BEHAVIORS = st.sampled_from(["allow", "ask", "deny"])
RULES = st.lists(
    st.fixed_dictionaries(
        {"tool": st.sampled_from(["read", "re*", "*", "/^r/", "write"]), "behavior": BEHAVIORS}
    ),
    max_size=6,
)


def section(*rules: tuple[str, str], default: str = "ask") -> dict[str, Any]:
    found = {
        "default_behavior": default,
        "rules": [{"tool": tool, "behavior": behavior} for tool, behavior in rules],
    }
    PermissionSection.model_validate(found)
    return found


def behavior_of(pattern: str, tool: str, behavior: str = "allow", /, **arguments: Any) -> str:
    other = "ask" if behavior != "ask" else "allow"
    return decide(section((pattern, behavior), default=other), tool, arguments).behavior


def allows(pattern: str, tool: str, /, **arguments: Any) -> bool:
    return behavior_of(pattern, tool, "allow", **arguments) == "allow"


def denies(pattern: str, tool: str, /, **arguments: Any) -> bool:
    return behavior_of(pattern, tool, "deny", **arguments) == "deny"


@pytest.mark.parametrize(
    ("pattern", "tool", "expected"),
    [
        ("read_file", "read_file", True),
        ("read_file", "read_files", False),
        ("file_*", "file_read", True),
        ("file_*", "profile_read", False),
        ("mcp__github__*", "mcp__github__create_issue", True),
        ("/mcp__(gh|gl)__.*/", "mcp__gl__merge", True),
        ("/^read/", "spread", False),
        ("/read/", "spread", True),
        ("Bash(*)", "Bash", True),
        ("*", "anything", True),
    ],
)
def test_it_matches_names(pattern: str, tool: str, expected: bool) -> None:
    assert allows(pattern, tool) is expected


def test_it_matches_the_only_text_argument() -> None:
    assert allows("Bash(npm *)", "Bash", command="npm test")
    assert not allows("Bash(npm *)", "Bash", command="rm -rf /")
    assert allows("Bash(npm *)", "Bash", timeout=5, command="npm test")


def test_it_matches_the_first_declared_text_argument_whatever_order_the_model_wrote() -> None:
    rules = section(("Bash(npm *)", "allow"))
    arguments = {"description": "npm test", "command": "rm -rf /"}
    found = decide(rules, "Bash", arguments, parameters=["command", "description"])
    assert found.behavior == "ask"


def test_it_does_not_match_a_missing_argument() -> None:
    assert not allows("Bash(npm *)", "Bash")
    assert not allows('Edit(path ~ "*")', "Edit", other="x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("src/a/b.py", True),
        ("docs/x", False),
        ("src/../etc/passwd", False),
        ("./src/a.py", False),
        (["src/a", "src/b"], True),
        (["src/a", "etc/b"], False),
        ({"deep": "src/a"}, False),
    ],
)
def test_it_allows_paths_only_when_every_reading_fits(value: object, expected: bool) -> None:
    assert allows('Edit(file_path ~ "src/**")', "Edit", file_path=value) is expected


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "/tmp/../etc/passwd", "//etc/passwd", "/etc/./x", ["/tmp/a", "/etc/x"]]
)
def test_it_denies_paths_when_any_reading_fits(value: object) -> None:
    assert denies('Edit(file_path ~ "/etc/*")', "Edit", file_path=value)


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (True, "true"), (1.5, "1.5")])
def test_it_compares_numbers_and_flags_by_their_json(value: object, text: str) -> None:
    assert allows(f'Set(level ~ "{text}")', "Set", level=value)


def test_it_names_the_rule_that_decided() -> None:
    rules = section(("a*", "ask"), ("ab", "allow"))
    assert decide(rules, "ab", {}) == Decision("allow", "ab")
    assert decide(rules, "x", {}) == Decision("ask", None)


def test_it_asks_by_default() -> None:
    assert decide({}, "anything", {}).behavior == "ask"


@given(RULES, BEHAVIORS, st.sampled_from(["read", "write", "other"]))
def test_it_lets_deny_beat_allow_and_allow_beat_ask(
    rules: list[dict[str, str]], default: str, tool: str
) -> None:
    matching = {rule["behavior"] for rule in rules if parse_pattern(rule["tool"]).name(tool)}
    expected = next((b for b in ("deny", "allow", "ask") if b in matching), default)
    found = decide({"default_behavior": default, "rules": rules}, tool, {})
    assert found.behavior == expected


@given(RULES, st.sampled_from(["read", "write", "other"]), st.randoms())
def test_it_does_not_depend_on_the_order_of_rules(
    rules: list[dict[str, str]], tool: str, random: Any
) -> None:
    before = decide({"rules": rules}, tool, {}).behavior
    shuffled = list(rules)
    random.shuffle(shuffled)
    assert decide({"rules": shuffled}, tool, {}).behavior == before


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("(npm *)", "the tool name is missing"),
        ("Bash(npm *", "the closing ')' is missing"),
        ("Bash)", "')' without '('"),
        ("Bash()", "the parentheses are empty"),
        ("//", "a regular expression stands between two slashes"),
        ("/abc", "a regular expression stands between two slashes"),
        ("/(/", "unclosed group"),
        ("[z-a]", "invalid character class range"),
        ('Edit(path =~ "x")', 'a condition reads: argument ~ "glob"'),
        ('Edit(path != "x")', 'a condition reads: argument ~ "glob"'),
        ("Edit(path ~ x)", 'a condition reads: argument ~ "glob"'),
        ('Edit(a ~ "x", b ~ "y")', 'a condition reads: argument ~ "glob"'),
    ],
)
def test_it_refuses_invalid_patterns_with_a_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PermissionSection.model_validate({"rules": [{"tool": pattern, "behavior": "allow"}]})
    message = caught.value.errors()[0]["msg"]
    assert f"invalid permission pattern {pattern!r}: " in message
    assert reason in message


@given(st.text(max_size=40), st.text(max_size=20), st.dictionaries(st.text(), st.text()))
def test_it_judges_or_refuses_any_pattern(
    pattern: str, tool: str, arguments: dict[str, str]
) -> None:
    try:
        found = decide(section((pattern, "deny")), tool, arguments)
    except ValidationError:
        return
    assert found.behavior in {"deny", "ask"}
