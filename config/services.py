"""Writes to the configuration. Each verb is one transaction that ends with a publication, or leaves
nothing behind (docs/native-api.md, Validation and publication)."""

from typing import Any

import orjson
from django.db import transaction

from agentserver.core.errors import BadRequest, NotFound
from agentserver.core.ids import is_valid_id
from agentserver.core.secrets import SecretUnreadableError, decrypt
from config import store
from config.defaults import collect_defaults
from config.diagnostics import warnings_of
from config.documents import Document, normalise, parse, read_body
from config.errors import InvalidPayload, already_exists, in_use, stale_write
from config.merge_patch import merge_patch
from config.models import Entry, EntryRevision
from config.namespaces import MODELS, PROVIDERS, Namespace, find_namespace
from config.publication import lock_configuration, publish
from config.references import Name, dependents, used_by
from config.secret_members import Secrets
from config.selectors import redacted_document

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
    has seen, 0 for none. Raises `NotFound` (namespace), `BadRequest` and `Conflict` with
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
    warnings = warnings_of(parse(find_namespace(entry.namespace), entry.spec))
    return {"valid": True, "document": found, "warnings": warnings}


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
    entry = _visible(space, key)
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
def patch_entry(
    *,
    namespace: str,
    key: str,
    patch: object,
    actor: str,
    expected_revision: int | None = None,
) -> Entry:
    """Merge members into a document (RFC 7396) and publish. null sets one back to its default, and
    clears a secret; on a builtin entry the changed members become overrides.

    ``expected_revision``: as for `put_entry`, which names the errors too.
    """
    space = find_namespace(namespace)
    if not isinstance(patch, dict):
        raise InvalidPayload("expected JSON object body")
    if expected_revision is None:
        expected_revision = _body_revision(patch)
    lock_configuration()
    entry = _visible(space, key)
    _require_revision(space, key, entry, expected_revision)
    stored = store.readable_secrets(entry)
    merged = merge_patch(space.secret.join(entry.spec, stored or {}), patch)
    body = read_body(merged, path_id=key)
    space.secret.keep_redacted(body, stored or {})
    # The secrets are in the body already: what it lacks now is meant to go.
    document = _without_loss(entry, normalise(space, body, stored={}), stored)
    entry = store.replace(entry, document, actor=actor, action=Action.UPDATE)
    publish(actor=actor)
    return entry


@transaction.atomic
def reset_entry(
    *, namespace: str, key: str, actor: str, expected_revision: int | None = None
) -> Entry:
    """Make a builtin entry say what the code says, also one that was deleted, and publish.

    Raises `NotFound`, `Conflict`, and `BadRequest` for an entry that a user made.
    """
    space = find_namespace(namespace)
    lock_configuration()
    entry = Entry.objects.find(space.name, key) if is_valid_id(key) else None
    if entry is None:
        raise NotFound(f"not found: {space.name}/{key}")
    if entry.source != Entry.Source.BUILTIN:
        raise BadRequest(f"{space.name}/{key} is not a builtin entry", code="not_builtin")
    _require_revision(space, key, None if entry.hidden else entry, expected_revision)
    if entry.hidden or entry.overrides:
        before = None if entry.hidden else store.redacted(entry)
        store.fill(entry, _declared(space, entry))
        entry.hidden, entry.overrides = False, {}
        store.save(entry, actor=actor, action=Action.RESTORE, before=before)
        publish(actor=actor)
    return entry


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
    return _without_loss(visible, normalise(space, body, stored=stored or {}), stored)


def _without_loss(visible: Entry, document: Document, stored: Secrets | None) -> Document:
    """Unreadable secrets can be replaced, but not lost by a write that meant to keep them."""
    if stored is None and not document.secrets.keys() >= set(visible.secret_names):
        raise SecretUnreadableError
    return document


def _declared(space: Namespace, entry: Entry) -> Document:
    """The code's document. Its secrets are read from the code where a user replaced them."""
    if store.SECRETS_OVERRIDDEN not in entry.overrides:
        secrets = store.stored_secrets(entry)
        return Document(space, entry.key, *space.secret.split(_joined(space, entry, secrets)))
    bodies = [body for body in collect_defaults()[space.name] if body.get("id") == entry.key]
    if bodies:
        return normalise(space, dict(bodies[-1]), stored={})
    return Document(space, entry.key, *space.secret.split(_joined(space, entry, {})))


def _joined(space: Namespace, entry: Entry, secrets: Secrets) -> dict[str, Any]:
    return space.secret.join(entry.base or {}, secrets)


def _visible(space: Namespace, key: str) -> Entry:
    entry = Entry.objects.visible().find(space.name, key) if is_valid_id(key) else None
    if entry is None:
        raise NotFound(f"not found: {space.name}/{key}")
    return entry


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
