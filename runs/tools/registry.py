"""The tools of this process: filled by ``tools.py`` modules of the installed apps."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.module_loading import autodiscover_modules

from runs.tools.definition import Tool
from runs.tools.errors import ToolDefinitionError

_tools: dict[str, Tool] = {}
_lock = threading.RLock()


def autodiscover() -> None:
    """Import ``tools.py`` of every installed app, ``AGENTSERVER_APPS`` included; repeatable."""
    autodiscover_modules("tools")


def register(tool: Tool) -> None:
    """Add a tool. A second tool of the same name is refused, naming both places.

    The same definition again (a reloaded module) takes the place of the first.
    """
    with _lock:
        known = _tools.get(tool.name)
        if known is not None and (not tool.defined_at or known.defined_at != tool.defined_at):
            raise ToolDefinitionError(
                f"two tools are named {tool.name!r}: {_place(known)} and {_place(tool)}; "
                "rename one, for example with @tool(name=...)"
            )
        _tools[tool.name] = tool


def all_tools() -> list[Tool]:
    """Every registered tool by name: a stable order keeps the providers' prompt caches warm."""
    with _lock:
        return sorted(_tools.values(), key=lambda tool: tool.name)


@contextmanager
def registered(*tools: Tool) -> Iterator[None]:
    """Add tools, also in place of others of the same name, for the length of a block (tests)."""
    with _lock:
        before = dict(_tools)
        _tools.update({tool.name: tool for tool in tools})
    try:
        yield
    finally:
        with _lock:
            _tools.clear()
            _tools.update(before)


def _place(tool: Tool) -> str:
    return tool.defined_at or tool.source
