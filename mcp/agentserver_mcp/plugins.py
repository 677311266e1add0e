"""Tools, resources and prompts of installed apps for MCP clients (docs/how-to/mcp-plugins.md).

An app registers them in its module ``mcp_server.py``, which is imported at the first MCP request:

    from mcp import types
    from agentserver_mcp.plugins import tool

    @tool("shout", description="Says it louder.", input_schema={...})
    async def shout(ctx, params: types.CallToolRequestParams) -> types.CallToolResult: ...

Handlers get the SDK's request context and parameters unchanged; ``ctx.request`` is the `Exchange`:
who asks (``principal``), and ``await ctx.request.database(function, ...)`` for the ORM. Raising
``mcp.MCPError`` answers with that error. Importing this module does not import the SDK.
"""

import inspect
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from django.utils.module_loading import autodiscover_modules

from agentserver_mcp.changes import announce_list_change, announce_resource_update
from runs.tools.schema import checked_schema

__all__ = [
    "announce_list_change",
    "announce_resource_update",
    "completion",
    "prompt",
    "resource",
    "resource_template",
    "tool",
]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
MODULE = "mcp_server"
NO_ARGUMENTS: dict[str, Any] = {"type": "object"}
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,64}")


@dataclass(frozen=True)
class Registered:
    """`about` holds what the list shows, under the SDK's attribute names."""

    key: str
    about: Mapping[str, Any]
    handler: Callable[..., Awaitable[Any]]


@dataclass
class Plugins:
    """What the apps of this process registered, by name, address or address template."""

    tools: dict[str, Registered] = field(default_factory=dict)
    resources: dict[str, Registered] = field(default_factory=dict)
    templates: dict[str, Registered] = field(default_factory=dict)
    prompts: dict[str, Registered] = field(default_factory=dict)
    completions: dict[str, Registered] = field(default_factory=dict)


_registered = Plugins()
_loading = threading.Lock()


@lru_cache(maxsize=1)
def _discover() -> None:
    autodiscover_modules(MODULE)


def plugins() -> Plugins:
    """Everything registered; the first call imports ``mcp_server.py`` of every installed app."""
    with _loading:
        _discover()
    return _registered


def tool(
    name: str,
    *,
    description: str,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    **about: Any,
) -> "Callable[[Handler], Handler]":
    """``handler(ctx, params) -> CallToolResult | InputRequiredResult``.

    Arguments are checked against ``input_schema`` before the handler is called. ``about`` takes the
    other members of the SDK's ``Tool``: title, annotations, icons.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a tool's name has 1 to 64 characters of A-Za-z0-9_./-: {name!r}")
    schema = checked_schema(input_schema or NO_ARGUMENTS, trusted=True)
    if schema.get("type") != "object":
        raise ValueError(f"the input schema of tool {name!r} must have the type object")
    shown = {"name": name, "description": description, "input_schema": schema, **about}
    if output_schema is not None:
        shown["output_schema"] = checked_schema(output_schema, trusted=True)
    return _adding(_registered.tools, name, shown)


def resource(uri: str, *, name: str, **about: Any) -> "Callable[[Handler], Handler]":
    """``handler(ctx, params) -> ReadResourceResult | InputRequiredResult``.

    ``about``: title, description, mime_type, size, annotations.
    """
    return _adding(_registered.resources, uri, {"uri": uri, "name": name, **about})


def resource_template(
    uri_template: str, *, name: str, **about: Any
) -> "Callable[[Handler], Handler]":
    """``handler(ctx, params, values)``; ``values`` are the texts of the template's variables.

    ``{name}`` stands for one segment of the address, ``{+name}`` for several.
    """
    shown = {"uri_template": uri_template, "name": name, **about}
    pattern_of(uri_template)
    return _adding(_registered.templates, uri_template, shown)


def prompt(
    name: str, *, arguments: Sequence[Mapping[str, Any]] = (), **about: Any
) -> "Callable[[Handler], Handler]":
    """``handler(ctx, params) -> GetPromptResult | InputRequiredResult``.

    ``arguments`` are ``{"name", "description"?, "required"?}``; required ones have been checked.
    """
    shown = {"name": name, "arguments": [dict(each) for each in arguments], **about}
    return _adding(_registered.prompts, name, shown)


def completion(of: str) -> "Callable[[Handler], Handler]":
    """``handler(ctx, params) -> Completion`` for a prompt's name or a resource template."""
    return _adding(_registered.completions, of, {})


def _adding(
    table: dict[str, Registered], key: str, about: Mapping[str, Any]
) -> "Callable[[Handler], Handler]":
    def add(handler: Handler) -> Handler:
        # Asked of it as of anything: a type checker would take the answer for granted.
        function: Any = handler
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"the handler of {key!r} must be an async function")
        known = table.get(key)
        if known is not None and _place(known.handler) != _place(handler):
            raise ValueError(f"{key!r} is registered twice: {_place(known.handler)} and here")
        table[key] = Registered(key, about, handler)
        return handler

    return add


def _place(handler: Callable[..., Any]) -> str:
    return f"{handler.__module__}.{getattr(handler, '__qualname__', '')}"


@lru_cache(maxsize=256)
def pattern_of(uri_template: str) -> re.Pattern[str]:
    """A pattern with one group per variable; ValueError for expressions beyond ``{+}``."""
    pattern = ""
    for literal, plus, name in re.findall(r"([^{]*)(?:\{(\+?)([^}]*)\})?", uri_template):
        pattern += re.escape(literal)
        if name:
            if not name.isidentifier():
                raise ValueError(f"unsupported expression {{{name}}} in {uri_template!r}")
            pattern += f"(?P<{name}>{'.+' if plus else '[^/]+'})"
    return re.compile(pattern)


@contextmanager
def only_within() -> Iterator[None]:
    """What is registered inside the block is forgotten after it (tests)."""
    tables = list(vars(plugins()).values())
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, kept in zip(tables, before, strict=True):
            table.clear()
            table.update(kept)
