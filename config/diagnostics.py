"""What is wrong, or looks wrong, with the stored configuration."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from config.compile import Specs, fingerprint, problems
from config.documents import parse
from config.errors import InvalidPayload
from config.known_tools import DELEGATE_PREFIX, known_tools
from config.matching import glob
from config.models import Entry, Snapshot
from config.namespaces import NAMESPACES
from config.provider_test import missing_key
from config.publication import compile_entries
from config.registry import current
from config.secret_members import pointer
from config.sections import sections_without_effect
from config.specs import AgentSpec, McpServerSpec, ModelSpec, ProviderSpec
from config.specs.base import Spec

_API_KEY = pointer(("api_key",))


@dataclass
class Diagnosis:
    """Of one document. ``errors`` keep it from working, ``warnings`` may be meant that way."""

    id: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "resolves": not self.errors,
            "errors": self.errors,
            "warnings": self.warnings,
        }


def diagnose() -> dict[str, Any]:
    """Every stored document by namespace; ``published``: whether runs already use all of them."""
    rows = Entry.objects.visible().filter(namespace__in=NAMESPACES)
    stored = _Stored(list(rows.order_by("namespace", "key")))
    found: dict[str, list[dict[str, Any]]] = {namespace: [] for namespace in NAMESPACES}
    for row in stored.rows:
        found[row.namespace].append(stored.diagnosis(row).body())
    newest = Snapshot.objects.order_by("-version").defer("compiled").first()
    return {
        "version": newest.version if newest else 0,
        "published": newest is not None and newest.fingerprint == fingerprint(compile_entries()),
        "resolves": all(each["resolves"] for rows in found.values() for each in rows),
        **found,
    }


def warnings_of(spec: Spec) -> list[str]:
    """What a document says without effect."""
    if not isinstance(spec, AgentSpec):
        return []
    tools = [tool.id for tool in known_tools(current())]
    return [*_idle_sections(spec), *_idle_tool_names(spec, tools)]


class _Stored:
    """The stored documents, parsed as far as they can be."""

    def __init__(self, rows: list[Entry]) -> None:
        self.rows = rows
        self.broken: dict[Entry, str] = {}
        parsed = {row: spec for row in rows if (spec := self._parse(row))}
        self.parsed = parsed
        self.specs = Specs(
            agents={spec.id: spec for spec in parsed.values() if isinstance(spec, AgentSpec)},
            models={spec.id: spec for spec in parsed.values() if isinstance(spec, ModelSpec)},
            providers={spec.id: spec for spec in parsed.values() if isinstance(spec, ProviderSpec)},
            mcp_servers={
                spec.id: spec for spec in parsed.values() if isinstance(spec, McpServerSpec)
            },
        )
        self.tools = [tool.id for tool in known_tools(current())]
        self.keyless = dict(self._keyless())

    def diagnosis(self, row: Entry) -> Diagnosis:
        if row in self.broken:
            return Diagnosis(row.key, errors=[self.broken[row]])
        match self.parsed[row]:
            case AgentSpec() as agent:
                return self._of_agent(agent)
            case ModelSpec() as model:
                return self._of_model(model)
            case ProviderSpec(id=key) if key in self.keyless:
                return Diagnosis(key, warnings=[self.keyless[key]])
        return Diagnosis(row.key)

    def _parse(self, row: Entry) -> Spec | None:
        try:
            return parse(NAMESPACES[row.namespace], row.spec)
        except InvalidPayload as error:
            self.broken[row] = error.detail
            return None

    def _keyless(self) -> Iterator[tuple[str, str]]:
        for row, spec in self.parsed.items():
            has_key = _API_KEY in row.secret_names
            if isinstance(spec, ProviderSpec) and not has_key and (lack := missing_key(spec)):
                yield spec.id, lack

    def _of_agent(self, agent: AgentSpec) -> Diagnosis:
        warnings = [*_idle_sections(agent), *_idle_tool_names(agent, self.tools)]
        if agent.endpoint is not None:
            return Diagnosis(agent.id, warnings=warnings)
        model = self.specs.models.get(agent.model_id)
        if model is not None and model.provider_id in self.keyless:
            warnings.append(f"provider '{model.provider_id}': {self.keyless[model.provider_id]}")
        return Diagnosis(agent.id, list(problems(agent, self.specs)), warnings)

    def _of_model(self, model: ModelSpec) -> Diagnosis:
        if model.provider_id in self.specs.providers:
            return Diagnosis(model.id)
        return Diagnosis(model.id, errors=[f"provider not found: {model.provider_id}"])


def _idle_sections(agent: AgentSpec) -> Iterator[str]:
    for key in sections_without_effect(agent):
        yield f"section '{key}' has no effect: no loaded plugin reads it"


def _idle_tool_names(agent: AgentSpec, tools: Collection[str]) -> Iterator[str]:
    """Tools come and go with MCP servers, so an unknown name is no error."""
    known = {*tools, *(f"{DELEGATE_PREFIX}{delegate}" for delegate in agent.delegates)}
    for member in ("allowed_tools", "excluded_tools"):
        for name in getattr(agent, member) or ():
            if name not in known:
                yield f"{member}: there is no tool '{name}' at present"
    for member in ("allowed_tool_patterns", "excluded_tool_patterns"):
        for pattern in getattr(agent, member):
            if not any(map(glob(pattern), known)):
                yield f"{member}: '{pattern}' fits no tool at present"
