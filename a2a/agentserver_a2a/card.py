"""Agent cards: what the server, or one agent as a tenant, tells other agents (A2A 1.0, section 8).

A card is made from the published configuration and a few settings, and kept as long as that version
of the configuration: `ETag` is a digest of the content, `Last-Modified` the time of publication.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings

import agentserver
from agentserver.core.api.answers import encode
from agentserver_a2a.modes import INPUT_MODES, OUTPUT_MODES
from agentserver_a2a.section import section_of
from agentserver_a2a.versions import VERSION
from config.models import Snapshot
from config.registry import Registry
from config.specs import AgentSpec

Card = dict[str, Any]

PATH: Final = "/v1/a2a"
SCHEME: Final = "apiKey"
BINDINGS: Final = ("HTTP+JSON", "JSONRPC")
# A server that answers to any host name must not keep a card for each of them.
_KEPT_PER_VERSION: Final = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card depends on besides the configuration. `base_url` is without a slash at its end.

    `tenant`: the agent whose card it is. `detailed`: for callers with a key.
    """

    base_url: str
    name: str
    description: str
    organization: str
    keys_required: bool
    extended: bool
    tenant: str | None = None
    detailed: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A card as it is sent. `etag` is quoted; `modified` is None before the first publication."""

    card: Card
    body: bytes
    etag: str
    modified: datetime | None


def facts(base_url: str, *, tenant: str | None = None, detailed: bool = False) -> Facts:
    """As the settings are now; `base_url` counts where no public address is set."""
    return Facts(
        base_url=(settings.AGENTSERVER_PUBLIC_URL or base_url).rstrip("/"),
        name=settings.AGENTSERVER_A2A_NAME,
        description=settings.AGENTSERVER_A2A_DESCRIPTION,
        organization=settings.AGENTSERVER_A2A_ORGANIZATION,
        keys_required=settings.AGENTSERVER_REQUIRE_KEYS,
        extended=settings.AGENTSERVER_A2A_EXTENDED_CARD,
        tenant=tenant,
        detailed=detailed,
    )


# The registry of a version is one object per process: its cards go when it goes.
_rendered: WeakKeyDictionary[Registry, dict[Facts, Rendered]] = WeakKeyDictionary()


def rendered(registry: Registry, about: Facts) -> Rendered:
    """The card of this version of the configuration. Reads the database the first time."""
    kept = _rendered.setdefault(registry, {})
    found = kept.get(about)
    if found is None:
        found = _render(registry, about)
        if len(kept) >= _KEPT_PER_VERSION:
            kept.clear()
        kept[about] = found
    return found


def _render(registry: Registry, about: Facts) -> Rendered:
    card = card_of(registry, about)
    body = encode(card)
    published = Snapshot.objects.filter(version=registry.version)
    modified = published.values_list("created_at", flat=True).first()
    return Rendered(card, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', modified)


def card_of(registry: Registry, about: Facts) -> Card:
    """The AgentCard of the server, or of the tenant's agent alone."""
    agents: Mapping[str, AgentSpec] = registry.agents
    shown = agents if about.tenant is None else {about.tenant: registry.agent(about.tenant)}
    return {
        **_introduction(shown, about),
        "provider": {"organization": about.organization, "url": about.base_url},
        "version": agentserver.__version__,
        "supportedInterfaces": list(_interfaces(about)),
        "capabilities": {
            "streaming": True,
            "pushNotifications": True,
            "extendedAgentCard": about.extended,
        },
        **_security(about),
        "defaultInputModes": list(INPUT_MODES),
        "defaultOutputModes": list(OUTPUT_MODES),
        "skills": [_skill(shown[agent_id], about) for agent_id in sorted(shown)],
    }


def _introduction(shown: Mapping[str, AgentSpec], about: Facts) -> Card:
    if about.tenant is None:
        return {"name": about.name, "description": about.description}
    agent = shown[about.tenant]
    return {"name": section_of(agent).name or agent.id, "description": _description(agent)}


def _interfaces(about: Facts) -> Iterator[Card]:
    tenant = {} if about.tenant is None else {"tenant": about.tenant}
    for binding in BINDINGS:
        yield {
            "url": about.base_url + PATH,
            "protocolBinding": binding,
            "protocolVersion": VERSION,
            **tenant,
        }


def _security(about: Facts) -> Card:
    """On a server that anyone may use only the extended card needs a key."""
    if not about.keys_required and not about.extended:
        return {}
    scheme = {
        "httpAuthSecurityScheme": {
            "scheme": "Bearer",
            "bearerFormat": "API key",
            "description": "An API key of this server, as Authorization: Bearer as_...",
        }
    }
    schemes: Card = {"securitySchemes": {SCHEME: scheme}}
    if not about.keys_required:
        return schemes
    return schemes | {"securityRequirements": [{"schemes": {SCHEME: {"list": []}}}]}


def _skill(agent: AgentSpec, about: Facts) -> Card:
    section = section_of(agent)
    skill: Card = {
        "id": agent.id,
        "name": section.name or agent.id,
        "description": _description(agent),
        "tags": [*(section.tags or ["agent"]), *(_details(agent) if about.detailed else ())],
    }
    return {**skill, "examples": list(section.examples)} if section.examples else skill


def _description(agent: AgentSpec) -> str:
    return (agent.description or "").strip() or f"The agent {agent.id}."


def _details(agent: AgentSpec) -> Iterator[str]:
    """What is behind an agent, as tags: not for everybody."""
    if agent.model_id:  # there is none behind an endpoint
        yield f"model:{agent.model_id}"
    yield from (f"tool:{name}" for name in agent.allowed_tools or ())
    yield from (f"delegate:{name}" for name in agent.delegates)
