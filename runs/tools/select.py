"""Which tools an agent sees in one run, and in which order."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentserver.core.errors import BadRequest
from config.matching import glob
from runs.tools.definition import Tool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ToolRules:
    """The lists of an agent's spec; exclusion wins.

    A tool is allowed by its name or by a glob (``mcp__github__*``). Without `allowed_tools` (None;
    ``[]`` names none) the patterns decide alone, and without patterns either every tool is allowed.
    """

    allowed_tools: Sequence[str] | None = None
    excluded_tools: Sequence[str] | None = None
    allowed_tool_patterns: Sequence[str] = ()
    excluded_tool_patterns: Sequence[str] = ()

    def allows(self, name: str) -> bool:
        if self.allowed_tools is None and not self.allowed_tool_patterns:
            return True
        return _listed(name, self.allowed_tools, self.allowed_tool_patterns)

    def denies(self, name: str) -> bool:
        return _listed(name, self.excluded_tools, self.excluded_tool_patterns)


def _listed(name: str, names: Sequence[str] | None, patterns: Sequence[str]) -> bool:
    return name in (names or ()) or any(glob(pattern)(name) for pattern in patterns)


def select_tools(
    available: Iterable[Tool],
    *,
    rules: ToolRules,
    delegates: Iterable[Tool] = (),
    frontend: Iterable[Tool] = (),
) -> list[Tool]:
    """The tools of a run: server tools, then delegates, then those the request brought along.

    Delegates and frontend tools are offered without being on an allow list (naming them was the
    permission), yet an exclusion removes them too. Of two server tools with one name the first
    stays. A frontend tool with the name of a server tool raises `BadRequest`: its caller would
    otherwise answer calls that are meant for the server.
    """
    server = [tool for tool in available if rules.allows(tool.name)]
    chosen = _without_clashes([*server, *delegates], rules)
    for tool in frontend:
        if tool.name in chosen:
            raise BadRequest(f"tool {tool.name!r} of the request has the name of a server tool")
        if not rules.denies(tool.name):
            chosen[tool.name] = tool
    return list(chosen.values())


def _without_clashes(tools: list[Tool], rules: ToolRules) -> dict[str, Tool]:
    chosen: dict[str, Tool] = {}
    for tool in tools:
        if rules.denies(tool.name):
            continue
        known = chosen.setdefault(tool.name, tool)
        if known is not tool:
            logger.warning(
                "tool %s of %s is hidden by the one of %s", tool.name, tool.source, known.source
            )
    return chosen
