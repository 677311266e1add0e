"""All documents together: parsed, checked against each other, ready to be a registry."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agentserver.core.exact_json import dumps
from config.adapters import REMOTE_BACKENDS
from config.documents import parse
from config.errors import InvalidConfig, InvalidPayload
from config.namespaces import AGENTS, MCP_SERVERS, MODELS, NAMESPACES, PROVIDERS
from config.sections import PLUGINS, check_sections
from config.specs import AgentSpec, McpServerSpec, ModelSpec, ProviderSpec
from config.specs.base import Spec
from config.specs.mcp_server import tool_word

SpecType = TypeVar("SpecType", bound=Spec)
Compiled = dict[str, dict[str, dict[str, Any]]]
"""``{namespace: {key: {"spec": public document, "secrets": ciphertext or ""}}}``."""


@dataclass(frozen=True, slots=True)
class Specs:
    """The parsed documents by id. Read only."""

    agents: Mapping[str, AgentSpec]
    models: Mapping[str, ModelSpec]
    providers: Mapping[str, ProviderSpec]
    mcp_servers: Mapping[str, McpServerSpec]


def read_specs(compiled: Compiled) -> Specs:
    """Raises `InvalidConfig` for a document that no longer has its namespace's form."""
    return Specs(
        agents=dict(_parsed(compiled, AGENTS, AgentSpec)),
        models=dict(_parsed(compiled, MODELS, ModelSpec)),
        providers=dict(_parsed(compiled, PROVIDERS, ProviderSpec)),
        mcp_servers=dict(_parsed(compiled, MCP_SERVERS, McpServerSpec)),
    )


def check(specs: Specs) -> None:
    """Every agent without an endpoint must resolve; raises `InvalidConfig` for the first problem.

    Not checked: models whose provider is missing while no agent uses them, unknown tool names,
    sections that no loaded plugin claims.
    """
    for agent in specs.agents.values():
        if agent.endpoint is None:
            for problem in problems(agent, specs):
                raise InvalidConfig(agent.id, f"resolve failed: {problem}")
    _check_tool_words(specs.mcp_servers)


def _check_tool_words(servers: Mapping[str, McpServerSpec]) -> None:
    """Tools of two servers must not get the same ids."""
    known: dict[str, str] = {}
    for server_id in sorted(servers):
        other = known.setdefault(tool_word(server_id), server_id)
        if other != server_id:
            raise InvalidConfig(
                server_id,
                f"its tools would have the names of those of mcp server '{other}' "
                f"(mcp__{tool_word(server_id)}__…); choose another id",
            )


def fingerprint(compiled: Compiled) -> str:
    """Equal for equal documents, whatever order they were read in."""
    ordered = {
        namespace: dict(sorted(entries.items())) for namespace, entries in sorted(compiled.items())
    }
    return hashlib.sha256(dumps(ordered).encode()).hexdigest()


def _parsed(
    compiled: Compiled, namespace: str, kind: type[SpecType]
) -> Iterator[tuple[str, SpecType]]:
    for key, entry in compiled.get(namespace, {}).items():
        try:
            spec = parse(NAMESPACES[namespace], entry["spec"])
        except InvalidPayload as error:
            raise InvalidConfig(f"{namespace}/{key}", error.detail) from None
        if isinstance(spec, kind):
            yield key, spec


def problems(agent: AgentSpec, specs: Specs) -> Iterator[str]:
    """Why an agent that runs here cannot run."""
    model = specs.models.get(agent.model_id)
    if model is None:
        yield f"model not found: {agent.model_id}"
    elif model.provider_id not in specs.providers:
        yield f"provider not found: {model.provider_id}"
    for plugin_id in agent.plugin_ids:
        if plugin_id not in PLUGINS:
            yield f"plugin not found: {plugin_id}"
    yield from _delegate_problems(agent, specs)
    try:
        check_sections(agent)
    except ValueError as error:
        yield str(error)


def _delegate_problems(agent: AgentSpec, specs: Specs) -> Iterator[str]:
    for delegate_id in agent.delegates:
        delegate = specs.agents.get(delegate_id)
        if delegate is None:
            yield f"agent not found: {delegate_id}"
        elif delegate.endpoint and delegate.endpoint.backend not in REMOTE_BACKENDS:
            yield f"unsupported backend of delegate {delegate_id}: {delegate.endpoint.backend}"
