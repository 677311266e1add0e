"""Writes to the configuration. Each verb is one transaction that ends with a publication, or leaves
nothing behind (native-v1 §10.3)."""

from typing import Any

import orjson
from django.db import transaction

from agentserver.core.errors import NotFound
from agentserver.core.ids import is_valid_id
from agentserver.core.secrets import SecretUnreadableError, decrypt
from config import store
from config.documents import Document, normalise, parse, read_body
from config.errors import InvalidPayload, already_exists, in_use, stale_write
from config.models import Entry, EntryRevision
from config.namespaces import MODELS, PROVIDERS, Namespace, find_namespace
from config.publication import lock_configuration, publish
from config.references import Name, dependents, used_by
from config.sections import sections_without_effect
from config.selectors import redacted_document
from config.specs import AgentSpec

Action = EntryRevision.Action


@transaction.atomic
def put_entry(
    *,
    namespace: str,
    document: object,
    actor: str,
    expected_revision: int | None = None,
    create_only: bool = False,
    path_id: str | None = None,
) -> Entry:
    """Create or wholly replace a document, and publish.

    ``expected_revision`` (else the body's ``revision``, unless creating): the revision the writer
    has seen, 0 for none. Raises `NotFound` (namespace), `BadRequest` (§10.2) and `Conflict` with
    ``{"revision": n}`` for a stale write.
    """
    space = find_namespace(namespace)
    body = read_body(document, path_id=path_id)
    if expected_revision is None and not create_only:
        expected_revision = _body_revision(document)
    lock_configuration()
    row = Entry.objects.find(space.name, body["id"])
    visible = row if row is not None and not row.hidden else None
    if create_only and visible:
        raise already_exists(space.name, visible.key)
    _require_revision(space, body["id"], visible, expected_revision)
    entry = _store(row, visible, _with_kept_secrets(space, body, visible), actor=actor)
    publish(actor=actor)
    return entry


def validate_entry(
    *, namespace: str, document: object, path_id: str | None = None
) -> dict[str, Any]:
    """What `put_entry` would store, without storing it: ``{"valid", "document", "warnings"}``.

    Raises what `put_entry` raises.
    """
    with transaction.atomic():
        entry = put_entry(namespace=namespace, document=document, actor="", path_id=path_id)
        found = redacted_document(entry)
        transaction.set_rollback(True)
    return {"valid": True, "document": found, "warnings": _warnings(entry)}


@transaction.atomic
def delete_entry(
    *,
    namespace: str,
    key: str,
    actor: str,
    expected_revision: int | None = None,
    force: bool = False,
) -> None:
    """Delete a document and publish.

    Raises `NotFound`, and `Conflict` with ``{"used_by": [...]}`` while others depend on it.
    ``force`` on a provider deletes its models too, as long as no agent uses one.
    """
    space = find_namespace(namespace)
    lock_configuration()
    entry = Entry.objects.visible().find(space.name, key) if is_valid_id(key) else None
    if entry is None:
        raise NotFound(f"not found: {space.name}/{key}")
    _require_revision(space, key, entry, expected_revision)
    for name in _cascade((space.name, key), force=force):
        store.remove(Entry.objects.visible().get(namespace=name[0], key=name[1]), actor=actor)
    store.remove(entry, actor=actor)
    publish(actor=actor)


@transaction.atomic
def restore_revision(
    *,
    namespace: str,
    key: str,
    revision: int,
    actor: str,
    expected_revision: int | None = None,
) -> Entry:
    """Put a document back as it was after ``revision`` (before it, if that was its deletion).

    It is validated and published like any other write. Raises what `put_entry` raises, and
    `NotFound` for an unknown revision.
    """
    space = find_namespace(namespace)
    lock_configuration()
    past = (
        EntryRevision.objects.filter(namespace=space.name, key=key, revision=revision).first()
        if is_valid_id(key)
        else None
    )
    if past is None:
        raise NotFound(f"not found: {space.name}/{key} revision {revision}")
    row = Entry.objects.find(space.name, key)
    visible = row if row is not None and not row.hidden else None
    _require_revision(space, key, visible, expected_revision)
    document = normalise(space, orjson.loads(decrypt(past.full)), stored={})
    entry = _store(row, visible, document, actor=actor, action=Action.RESTORE)
    publish(actor=actor)
    return entry


@transaction.atomic
def publish_changes(*, actor: str) -> int:
    """Publish rows changed past these services; the live version. Raises `InvalidConfig`."""
    lock_configuration()
    return publish(actor=actor)


def _store(
    row: Entry | None,
    visible: Entry | None,
    document: Document,
    *,
    actor: str,
    action: Action | None = None,
) -> Entry:
    action = action or (Action.UPDATE if visible else Action.CREATE)
    if row is None:
        return store.insert(document, actor=actor, action=action, builtin=False)
    return store.replace(row, document, actor=actor, action=action)


def _with_kept_secrets(space: Namespace, body: dict[str, Any], visible: Entry | None) -> Document:
    if visible is None:
        return normalise(space, body, stored={})
    stored = store.readable_secrets(visible)
    document = normalise(space, body, stored=stored or {})
    # Unreadable secrets can be replaced, but not lost by a write that meant to keep them.
    if stored is None and not document.secrets.keys() >= set(visible.secret_names):
        raise SecretUnreadableError
    return document


def _body_revision(document: object) -> int | None:
    found = document.get("revision") if isinstance(document, dict) else None
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise InvalidPayload("revision: Input should be a valid integer")


def _require_revision(
    space: Namespace, key: str, visible: Entry | None, expected: int | None
) -> None:
    current = visible.revision if visible else 0
    if expected is not None and expected != current:
        raise stale_write(space.name, key, current=current)


def _cascade(name: Name, *, force: bool) -> list[Name]:
    """What must go before ``name``; raises `Conflict` when that is not asked for or impossible."""
    users = dependents([name])
    if not users:
        return []
    if not force or name[0] != PROVIDERS:
        raise in_use(used_by(users))
    if blockers := dependents([name, *users]):
        raise in_use(used_by(blockers))
    return [user for user in users if user[0] == MODELS]


def _warnings(entry: Entry) -> list[str]:
    spec = parse(find_namespace(entry.namespace), entry.spec)
    if not isinstance(spec, AgentSpec):
        return []
    return [
        f"section '{key}' has no effect: no loaded plugin reads it"
        for key in sections_without_effect(spec)
    ]
