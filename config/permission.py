"""The permission section of an agent: which tool calls run, wait, or are refused.

A rule's pattern is one of::

    read_file                       the tool of that name
    file_*   mcp__github__*         a glob on the name
    /mcp__(gh|gl)__.*/              a regular expression found in the name (anchor it with ^ and $)
    Bash(npm *)                     and a glob on the tool's first or only text argument
    Edit(file_path ~ "src/**")      and a glob on a named argument

Deny beats allow beats ask; where no rule matches, the default decides. Globs read text, not
meaning: ``Bash(npm *)`` also allows ``npm test; rm -rf ~``. Only paths get help: where a glob holds
a slash, a value with ``.`` or ``..`` segments is judged by the path it resolves to as well, to the
disadvantage of the call.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agentserver.core.exact_json import dumps
from config.matching import Matcher, PatternError, glob, regex

Behavior = Literal["allow", "ask", "deny"]

_NAMED = re.compile(r'([^\s~"()]+)\s*~\s*"([^"]*)"')
_OTHER_OPERATOR = re.compile(r'[^\s~"()=!]+\s*(?:=~|!~|!=~|!=|=)\s*"')
_PRECEDENCE: tuple[Behavior, ...] = ("deny", "allow", "ask")


class PermissionRule(BaseModel):
    """One pattern and what becomes of the calls it matches."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    tool: str = Field(description='tool name, glob, /regex/, Name(glob) or Name(arg ~ "glob")')
    behavior: Behavior
    scope: Literal["project"] | None = None

    @field_validator("tool")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        parse_pattern(pattern)
        return pattern


class PermissionSection(BaseModel):
    """``agents.sections.permission``."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    default_behavior: Behavior = "ask"
    rules: list[PermissionRule] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a call; ``rule`` is the pattern that decided, None for the default."""

    behavior: Behavior
    rule: str | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern: a test on the name and, with ``value``, one on an argument.

    ``argument`` names the argument, None means the first or only text argument.
    """

    name: Matcher
    value: Matcher | None = None
    argument: str | None = None
    is_path: bool = False

    def matches(
        self, tool_name: str, arguments: Mapping[str, Any], order: Sequence[str], *, strictly: bool
    ) -> bool:
        """``strictly``: every reading of the argument must fit, else any one will do."""
        if not self.name(tool_name):
            return False
        if self.value is None:
            return True
        readings = list(self._readings(arguments, order))
        found = [self.value(text) for text in readings]
        return bool(found) and (all(found) if strictly else any(found))

    def _readings(self, arguments: Mapping[str, Any], order: Sequence[str]) -> Iterator[str]:
        if self.argument is None:
            texts = _first_text(arguments, order)
        else:
            texts = _texts(arguments.get(self.argument))
        for text in texts:
            yield text
            if self.is_path:
                yield _resolved(text)


def decide(
    section: Mapping[str, Any],
    tool_name: str,
    arguments: Mapping[str, Any],
    *,
    parameters: Sequence[str] = (),
) -> Decision:
    """Judge one call by a section that passed `PermissionSection`.

    ``parameters`` are the tool's declared parameter names in order. They say which argument is the
    first; without them it is the first the model wrote, and the model may write any order.
    """
    rules = section.get("rules") or ()
    for behavior in _PRECEDENCE:
        for rule in rules:
            if rule["behavior"] == behavior and parse_pattern(rule["tool"]).matches(
                tool_name, arguments, parameters, strictly=behavior == "allow"
            ):
                return Decision(behavior, rule["tool"])
    return Decision(section.get("default_behavior") or "ask", None)


@lru_cache(maxsize=4096)
def parse_pattern(pattern: str) -> Pattern:
    """Raises ValueError ``invalid permission pattern '...': <reason>``."""
    try:
        return _parse(pattern.strip())
    except PatternError as error:
        raise ValueError(f"invalid permission pattern {pattern!r}: {error}") from None


def _parse(pattern: str) -> Pattern:
    if not pattern:
        raise PatternError("it is empty")
    if pattern.startswith("/"):
        return _parse_regex(pattern)
    name, bracket, rest = pattern.partition("(")
    name = name.strip()
    if not name:
        raise PatternError("the tool name is missing")
    if not bracket:
        if ")" in name:
            raise PatternError("')' without '('")
        return Pattern(glob(name))
    if not rest.endswith(")"):
        raise PatternError("the closing ')' is missing")
    return _parse_condition(glob(name), rest[:-1].strip())


def _parse_regex(pattern: str) -> Pattern:
    if len(pattern) < 3 or not pattern.endswith("/"):
        raise PatternError("a regular expression stands between two slashes")
    return Pattern(regex(pattern[1:-1]))


def _parse_condition(name: Matcher, condition: str) -> Pattern:
    if not condition:
        raise PatternError("the parentheses are empty")
    if condition == "*":
        return Pattern(name)
    if named := _NAMED.fullmatch(condition):
        argument, wanted = named.groups()
        return Pattern(name, glob(wanted), argument, is_path="/" in wanted)
    if _OTHER_OPERATOR.match(condition) or re.match(r'[^\s~"()]+\s*~', condition):
        raise PatternError('a condition reads: argument ~ "glob"')
    return Pattern(name, glob(condition), is_path="/" in condition)


def _first_text(arguments: Mapping[str, Any], order: Sequence[str]) -> Iterator[str]:
    names = [name for name in order if name in arguments]
    names += [name for name in arguments if name not in names]
    for name in names:
        if isinstance(arguments[name], str):
            yield arguments[name]
            return


def _texts(value: Any) -> Iterator[str]:
    """The texts of a value: itself, the JSON form of a number or flag, each item of a list."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool | int | float):
        yield dumps(value)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _resolved(text: str) -> str:
    # normpath keeps two leading slashes apart from one; to a file system they are the same.
    return re.sub(r"^//+", "/", posixpath.normpath(text)) if text else text
