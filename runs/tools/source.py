"""Tools that do not stand in code: MCP servers and remote agents register themselves here."""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from runs.tools.definition import Tool
from runs.tools.errors import ToolDefinitionError

logger = logging.getLogger(__name__)

_sources: "dict[str, ToolSource]" = {}
_lock = threading.Lock()


class ToolSource(Protocol):
    """Contributes tools to agents; registered once, in ``AppConfig.ready``.

    `tools_for` is called for every run with the registry snapshot that the run uses and the id of
    its agent. It must answer from memory or the database, never from the network, and set
    `Tool.source` to something other than ``code``, so that foreign schemas are treated as such.
    """

    @property
    def name(self) -> str: ...

    def tools_for(self, *, registry: Any, agent_id: str) -> Iterable[Tool]: ...


def register_source(source: ToolSource) -> None:
    with _lock:
        known = _sources.get(source.name)
        if known is not None and known is not source:
            raise ToolDefinitionError(f"two tool sources are named {source.name!r}")
        _sources[source.name] = source


def sources() -> list[ToolSource]:
    with _lock:
        return list(_sources.values())


@contextmanager
def registered_source(source: ToolSource) -> Iterator[None]:
    """Add a source for the length of a block (tests)."""
    register_source(source)
    try:
        yield
    finally:
        with _lock:
            del _sources[source.name]


def sourced_tools(*, registry: Any, agent_id: str) -> list[Tool]:
    """The tools of all sources. A source that fails contributes none; the run goes on without."""
    found: list[Tool] = []
    for source in sources():
        try:
            found.extend(source.tools_for(registry=registry, agent_id=agent_id))
        except Exception:
            logger.exception("tool source %s failed", source.name)
    return found
