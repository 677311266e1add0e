"""The published configuration as runs read it: immutable, cached, pinned by version.

`current` is what new runs start with, `at` what an earlier run was started with. Both are safe to
call from any thread and touch the database, so async code calls them through a thread.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Any

import orjson
from django.db import DatabaseError

from agentserver.core.errors import ApiError
from agentserver.core.secrets import decrypt
from config.compile import Compiled, Specs, read_specs
from config.errors import (
    AgentNotFound,
    McpServerNotFound,
    ModelNotFound,
    ProviderNotFound,
    VersionGone,
)
from config.models import Snapshot
from config.namespaces import AGENTS, MCP_SERVERS, NAMESPACES, PROVIDERS
from config.specs import AgentSpec, McpServerSpec, ModelSpec, ProviderSpec

CHECK_SECONDS = 1.0
PINNED_VERSIONS = 32
# How many unreadable snapshots a starting process steps over before it gives up.
FALLBACKS = 5

logger = logging.getLogger(__name__)


class Registry:
    """One version of the configuration. The mappings hold no secret; the ``..._with_secrets``
    methods decrypt on first use and raise `SecretUnreadableError` when no key fits."""

    version: int
    agents: Mapping[str, AgentSpec]
    models: Mapping[str, ModelSpec]
    providers: Mapping[str, ProviderSpec]
    mcp_servers: Mapping[str, McpServerSpec]

    def __init__(self, version: int, compiled: Compiled, specs: Specs | None = None) -> None:
        specs = specs or read_specs(compiled)
        self.version = version
        self.agents = MappingProxyType(dict(specs.agents))
        self.models = MappingProxyType(dict(specs.models))
        self.providers = MappingProxyType(dict(specs.providers))
        self.mcp_servers = MappingProxyType(dict(specs.mcp_servers))
        self._compiled = compiled
        self._revealed: dict[tuple[str, str], dict[str, Any]] = {}

    def agent(self, agent_id: str) -> AgentSpec:
        """Raises `AgentNotFound`."""
        try:
            return self.agents[agent_id]
        except KeyError:
            raise AgentNotFound(agent_id) from None

    def model_for(self, agent: AgentSpec, upstream_model: str | None = None) -> ModelSpec:
        """The agent's model, sent to the provider as ``upstream_model`` when that is given.

        What is known about the model (window, prices, ...) does not carry over to another name.
        Raises `ModelNotFound`.
        """
        model = self.models.get(agent.model_id)
        if model is None:
            raise ModelNotFound(agent.model_id)
        if upstream_model is None or upstream_model == model.upstream_model:
            return model
        return ModelSpec(id=model.id, provider_id=model.provider_id, upstream_model=upstream_model)

    def provider_with_secrets(self, provider_id: str) -> ProviderSpec:
        """Raises `ProviderNotFound`."""
        if provider_id not in self.providers:
            raise ProviderNotFound(provider_id)
        return ProviderSpec.model_validate(self._reveal(PROVIDERS, provider_id))

    def mcp_server_with_secrets(self, server_id: str) -> McpServerSpec:
        """Raises `McpServerNotFound`."""
        if server_id not in self.mcp_servers:
            raise McpServerNotFound(server_id)
        return McpServerSpec.model_validate(self._reveal(MCP_SERVERS, server_id))

    def agent_with_secrets(self, agent_id: str) -> AgentSpec:
        """With the token of its endpoint. Raises `AgentNotFound`."""
        if agent_id not in self.agents:
            raise AgentNotFound(agent_id)
        return AgentSpec.model_validate(self._reveal(AGENTS, agent_id))

    def _reveal(self, namespace: str, key: str) -> dict[str, Any]:
        known = self._revealed.get((namespace, key))
        if known is None:
            entry = self._compiled[namespace][key]
            secrets = orjson.loads(decrypt(entry["secrets"])) if entry["secrets"] else {}
            known = NAMESPACES[namespace].secret.join(entry["spec"], secrets)
            self._revealed[namespace, key] = known
        return known


EMPTY = Registry(0, {})


class _Cache:
    """The live registry of this process, and the last used pinned ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._pinned: OrderedDict[int, Registry] = OrderedDict()
        self._live: Registry | None = None
        self._checked_at = 0.0
        self._rejected: int | None = None
        self._epoch = 0

    def current(self) -> Registry:
        live = self._live
        if live is None:
            with self._refreshing:
                return self._live or self._first_load()
        if monotonic() - self._checked_at < CHECK_SECONDS:
            return live
        # One thread looks; the others keep what they have rather than wait for the database.
        if not self._refreshing.acquire(blocking=False):
            return live
        try:
            return self._refresh(live)
        finally:
            self._refreshing.release()

    def at(self, version: int) -> Registry:
        with self._lock:
            if self._live is not None and self._live.version == version:
                return self._live
            if version in self._pinned:
                self._pinned.move_to_end(version)
                return self._pinned[version]
        return self._keep(_load(version))

    def install(self, registry: Registry) -> None:
        """Make a registry published by this process the live one, unless a newer one is."""
        with self._lock:
            if self._live is None or self._live.version < registry.version:
                self._set_live(registry)

    def forget(self) -> None:
        with self._lock:
            self._pinned.clear()
            self._live, self._checked_at, self._rejected = None, 0.0, None
            self._epoch += 1

    def _first_load(self) -> Registry:
        epoch = self._epoch
        registry = _newest_readable()
        with self._lock:
            # A publication of this process may have come in while we were reading; what was read
            # before `forget` is not kept.
            if self._live is None and epoch == self._epoch:
                self._set_live(registry)
            return self._live or registry

    def _refresh(self, live: Registry) -> Registry:
        try:
            newest = _newest_version()
            self._checked_at = monotonic()
            if newest in {live.version, self._rejected}:
                return live
            found = _load(newest) if newest else EMPTY
        except DatabaseError:
            self._checked_at = monotonic()
            logger.warning("configuration version not checked", exc_info=True)
            return live
        except ApiError as error:
            self._rejected = newest
            logger.error("configuration version %s stays unused: %s", newest, error.message)
            return live
        return self._replace(live, found)

    def _replace(self, live: Registry, found: Registry) -> Registry:
        with self._lock:
            # A publication of this process may have come in while we were reading.
            if self._live is live:
                self._set_live(found)
            return self._live or found

    def _set_live(self, registry: Registry) -> None:
        if self._live is not None:
            self._remember(self._live)
        self._live, self._checked_at, self._rejected = registry, monotonic(), None

    def _keep(self, registry: Registry) -> Registry:
        with self._lock:
            self._remember(registry)
        return registry

    def _remember(self, registry: Registry) -> None:
        self._pinned[registry.version] = registry
        self._pinned.move_to_end(registry.version)
        while len(self._pinned) > PINNED_VERSIONS:
            self._pinned.popitem(last=False)


def _newest_version() -> int:
    newest = Snapshot.objects.order_by("-version").values_list("version", flat=True).first()
    return newest or 0


def _newest_readable() -> Registry:
    versions = Snapshot.objects.order_by("-version").values_list("version", flat=True)
    for version in versions[:FALLBACKS]:
        try:
            return _load(version)
        except ApiError as error:
            logger.error("configuration version %s is skipped: %s", version, error.message)
    return EMPTY


def _load(version: int) -> Registry:
    """Raises `VersionGone`, or `InvalidConfig` for a row that cannot be read."""
    if version == 0:
        return EMPTY
    try:
        row = Snapshot.objects.filter(version=version).first()
        if row is None:
            raise VersionGone(version)
        return Registry(version, row.compiled)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Somebody wrote into the table: not JSON, or JSON of another form.
        raise ApiError(f"configuration version {version} cannot be read: {error!r}") from error


_cache = _Cache()


def current() -> Registry:
    """The newest published registry, at most `CHECK_SECONDS` old; version 0 before the first."""
    return _cache.current()


def at(version: int) -> Registry:
    """The registry of one version, with the secrets of that time. Raises `VersionGone`."""
    return _cache.at(version)


def install(registry: Registry) -> None:
    """Make a registry that was just committed the current one of this process."""
    _cache.install(registry)


def forget() -> None:
    """Drop everything cached, as after the database was replaced (or rolled back by a test)."""
    _cache.forget()
