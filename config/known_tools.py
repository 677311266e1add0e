"""Which tools there are, asked of those who know: this app stands below the one that runs tools."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from config.registry import Registry

DELEGATE_PREFIX = "agent_run_"
"""How the name of a tool begins that asks another agent; the agent's id follows."""


@dataclass(frozen=True, slots=True)
class KnownTool:
    """``id`` is what agents list and models call, ``name`` what people read; ``source``: ``code``,
    or ``<kind>:<id>`` of where else the tool comes from (``mcp:files``)."""

    id: str
    name: str
    description: str
    source: str

    def describe(self) -> dict[str, Any]:
        """As capabilities tell it."""
        kind, _, origin = self.source.partition(":")
        source = {"kind": kind, "id": origin} if origin else {"kind": kind}
        return {**asdict(self), "source": source}


Lister = Callable[[Registry], Iterable[KnownTool]]

_listers: list[Lister] = []


def register_lister(lister: Lister) -> None:
    """Add a function that lists tools under a version of the configuration; from `ready`."""
    if lister not in _listers:
        _listers.append(lister)


def known_tools(registry: Registry) -> list[KnownTool]:
    """All tools by id, each once."""
    found: dict[str, KnownTool] = {}
    for lister in _listers:
        for tool in lister(registry):
            found.setdefault(tool.id, tool)
    return [found[tool_id] for tool_id in sorted(found)]
