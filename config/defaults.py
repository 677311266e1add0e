"""Agents, models, providers and MCP servers written in Python.

Any installed app may have a module ``agents`` or ``providers``. What it declares at module level
becomes builtin configuration at the next start (`config.seeding.seed_builtin`)::

    # myapp/agents.py
    from config.defaults import agent, model, provider

    openai = provider("openai", adapter="openai")
    default = model("default", provider="openai", upstream="gpt-4o-mini")
    assistant = agent(
        "assistant",
        model="default",
        system_prompt="You help.",
        tools=["search_orders"],
        permission={"rules": [{"tool": "refund_*", "behavior": "ask"}]},
    )

Lists of plain documents named ``AGENTS``, ``MODELS``, ``PROVIDERS`` and ``MCP_SERVERS`` work too,
and any list of what these functions return.
Apps are read in the order of ``INSTALLED_APPS``; of two documents with one id the later counts.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from config.namespaces import AGENTS, MCP_SERVERS, MODELS, NAMESPACES, PROVIDERS

Documents = dict[str, list[Mapping[str, Any]]]

_MODULES = ("providers", "agents")
_LISTS = {
    "PROVIDERS": PROVIDERS,
    "MODELS": MODELS,
    "AGENTS": AGENTS,
    "MCP_SERVERS": MCP_SERVERS,
}


class Declared(dict[str, Any]):
    """A document together with the namespace it belongs to."""

    def __init__(self, namespace: str, members: Mapping[str, Any]) -> None:
        super().__init__(members)
        self.namespace = namespace


def agent(
    id: str,
    *,
    model: str,
    system_prompt: str = "",
    tools: Iterable[object] | None = None,
    permission: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    sections: Mapping[str, Any] | None = None,
    **members: Any,
) -> Declared:
    """An agent on a model id. ``tools``: names, or functions made with ``@tool``; None offers all.

    ``permission`` holds rules (docs/native-api.md, Permission rules) and loads its plugin. Further
    members are those of the agent document (``delegates``, ``max_rounds``, ``description``, ...).
    """
    found_sections = dict(sections or {})
    plugin_ids = list(plugins)
    if permission is not None:
        plugin_ids.append("permission")
        found_sections["permission"] = dict(permission)
    return Declared(
        AGENTS,
        {
            "id": id,
            "model_id": model,
            "system_prompt": system_prompt,
            "allowed_tools": None if tools is None else [_tool_name(tool) for tool in tools],
            "plugin_ids": plugin_ids,
            "sections": found_sections,
            **members,
        },
    )


def model(id: str, *, provider: str, upstream: str, **members: Any) -> Declared:
    """A model id for the model that a provider calls ``upstream``."""
    return Declared(
        MODELS, {"id": id, "provider_id": provider, "upstream_model": upstream, **members}
    )


def provider(id: str, *, adapter: str, **members: Any) -> Declared:
    """A provider. Leave ``api_key`` out to use the environment variable of the adapter."""
    return Declared(PROVIDERS, {"id": id, "adapter": adapter, **members})


def mcp_server(id: str, *, transport: str, **members: Any) -> Declared:
    """An MCP server, ``transport`` ``stdio`` (with ``command``) or ``http`` (with ``url``)."""
    return Declared(MCP_SERVERS, {"id": id, "transport": transport, **members})


def collect_defaults() -> Documents:
    """All documents of the modules, in order. Imports them."""
    found: Documents = {name: [] for name in NAMESPACES}
    for module in _modules():
        for namespace, document in declared_in(module):
            found[namespace].append(document)
    return found


def declared_in(module: ModuleType) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each document of a module with its namespace, once, in the order it is written.

    Raises `ImproperlyConfigured` when one of the reserved names is not a list of documents.
    """
    # By identity, and kept: the id of an object that is gone may be given to the next.
    seen: dict[int, Declared] = {}
    for name, value in vars(module).items():
        for item in _listed(module, name, value) if name in _LISTS else _declarations(value):
            if id(item) not in seen:
                seen[id(item)] = item
                yield item.namespace, item


def _declarations(value: object) -> list[Declared]:
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if isinstance(item, Declared)]


def _listed(module: ModuleType, name: str, value: object) -> list[Declared]:
    if not isinstance(value, list | tuple):
        raise ImproperlyConfigured(f"{module.__name__}.{name} must be a list of documents")
    return [_declared(module, name, item) for item in value]


def _declared(module: ModuleType, name: str, item: object) -> Declared:
    if isinstance(item, Declared):
        return item
    if not isinstance(item, Mapping):
        raise ImproperlyConfigured(f"{module.__name__}.{name} holds {type(item).__name__}")
    return Declared(_LISTS[name], item)


def _modules() -> Iterator[ModuleType]:
    for app in apps.get_app_configs():
        for name in _MODULES:
            if app.module is not None and module_has_submodule(app.module, name):
                yield importlib.import_module(f"{app.name}.{name}")


def _tool_name(tool: object) -> str:
    name = tool if isinstance(tool, str) else getattr(tool, "name", None)
    name = name or getattr(tool, "__name__", None)
    if not isinstance(name, str):
        raise ImproperlyConfigured(f"not a tool or the name of one: {tool!r}")
    return name
