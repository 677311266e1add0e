"""Which documents need which others, read from raw rows so that a broken one hinders nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from config.models import Entry
from config.namespaces import AGENTS, MODELS, PROVIDERS

Name = tuple[str, str]
"""(namespace, key)."""


def references(namespace: str, spec: Mapping[str, Any]) -> set[Name]:
    """What a document cannot do without. A remote agent runs elsewhere and needs no model."""
    if namespace == MODELS:
        return {(PROVIDERS, spec.get("provider_id", ""))}
    if namespace != AGENTS:
        return set()
    delegates = {(AGENTS, delegate) for delegate in spec.get("delegates") or ()}
    if spec.get("endpoint"):
        return delegates
    return delegates | {(MODELS, spec.get("model_id", ""))}


def dependents(targets: Iterable[Name]) -> list[Name]:
    """The visible documents that refer to one of the targets and are not targets, sorted."""
    wanted = set(targets)
    rows = Entry.objects.visible().only("namespace", "key", "spec")
    return sorted(
        (row.namespace, row.key)
        for row in rows
        if (row.namespace, row.key) not in wanted and references(row.namespace, row.spec) & wanted
    )


def used_by(names: Iterable[Name]) -> list[dict[str, str]]:
    """The wire form of `dependents`."""
    return [{"namespace": namespace, "id": key} for namespace, key in names]
