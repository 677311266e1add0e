"""Writing one entry and its history inside a transaction that holds the configuration lock."""

from typing import Any

import orjson
from django.db.models import Max

from agentserver.core.clock import now
from agentserver.core.exact_json import dumps
from agentserver.core.secrets import SecretUnreadableError, decrypt, encrypt
from config.documents import Document, outward
from config.errors import stale_write
from config.models import Entry, EntryRevision
from config.namespaces import NAMESPACES
from config.secret_members import Secrets

# Marks, among the overrides of a builtin entry, that a user replaced its secrets.
SECRETS_OVERRIDDEN = "$secrets"

Action = EntryRevision.Action


def stored_secrets(entry: Entry) -> Secrets:
    """Raises `SecretUnreadableError`."""
    secrets: Secrets = orjson.loads(decrypt(entry.secrets)) if entry.secrets else {}
    return secrets


def readable_secrets(entry: Entry) -> Secrets | None:
    """The secrets, or None when they were written with a key that is gone."""
    try:
        return stored_secrets(entry)
    except SecretUnreadableError:
        return None


def redacted(entry: Entry) -> dict[str, Any]:
    return outward(NAMESPACES[entry.namespace], entry.spec, entry.secret_names)


def insert(document: Document, *, actor: str, action: Action, builtin: bool) -> Entry:
    """A new row. Its revision continues that of an entry of the same name deleted before."""
    moment = now()
    entry = Entry(
        created_at=moment,
        updated_at=moment,
        namespace=document.namespace.name,
        key=document.key,
        source=Entry.Source.BUILTIN if builtin else Entry.Source.USER,
        base=document.public if builtin else None,
        revision=_last_revision(document.namespace.name, document.key) + 1,
        updated_by=actor,
    )
    fill(entry, document)
    entry.save(force_insert=True)
    _record(entry, action=action, actor=actor, before=None, full=_full(entry))
    return entry


def replace(entry: Entry, document: Document, *, actor: str, action: Action) -> Entry:
    """The row with the document's content; untouched when it already has it.

    On a builtin entry the differences to the code become overrides. Raises `Conflict` when the row
    is no longer the one that was read.
    """
    if _holds(entry, document):
        return entry
    before = None if entry.hidden else redacted(entry)
    if entry.source == Entry.Source.BUILTIN:
        entry.overrides = _overrides(entry, document)
    entry.hidden = False
    fill(entry, document)
    return save(entry, actor=actor, action=action, before=before)


def save(
    entry: Entry,
    *,
    actor: str,
    action: Action,
    before: dict[str, Any] | None,
) -> Entry:
    """Write all columns as the next revision, if nobody else has. Raises `Conflict`."""
    read_revision = entry.revision
    entry.revision += 1
    entry.updated_at, entry.updated_by = now(), actor
    columns = {
        column.attname: getattr(entry, column.attname)
        for column in Entry._meta.concrete_fields
        if not column.primary_key
    }
    rows = Entry.objects.filter(pk=entry.pk, revision=read_revision).update(**columns)
    _require_written(entry, rows)
    _record(entry, action=action, actor=actor, before=before, full=_full(entry))
    return entry


def remove(entry: Entry, *, actor: str, for_good: bool = False) -> None:
    """Delete the row; one that comes from code is hidden unless ``for_good``, so that the next
    start does not bring it back. Raises `Conflict`."""
    rows = Entry.objects.filter(pk=entry.pk, revision=entry.revision)
    if entry.source == Entry.Source.BUILTIN and not for_good:
        count = rows.update(
            hidden=True, revision=entry.revision + 1, updated_at=now(), updated_by=actor
        )
    else:
        count, _ = rows.delete()
    _require_written(entry, count)
    entry.revision += 1
    before = redacted(entry)
    _record(entry, action=Action.DELETE, actor=actor, before=before, full=_full(entry))


def fill(entry: Entry, document: Document) -> None:
    entry.spec = document.public
    entry.secret_names = sorted(document.secrets)
    entry.secrets = encrypt(dumps(document.secrets)) if document.secrets else ""


def _holds(entry: Entry, document: Document) -> bool:
    # Compared in the clear: encrypting equal secrets twice gives two ciphertexts, and a row that
    # changes for nothing would publish a version for nothing.
    return (
        not entry.hidden
        and bool(entry.spec == document.public)
        and sorted(document.secrets) == entry.secret_names
        and readable_secrets(entry) == document.secrets
    )


def _overrides(entry: Entry, document: Document) -> dict[str, Any]:
    base = entry.base or {}
    changed = {
        name: value
        for name, value in document.public.items()
        if name not in base or base[name] != value
    }
    replaced = SECRETS_OVERRIDDEN in entry.overrides or (
        document.secrets != readable_secrets(entry)
    )
    return {**changed, SECRETS_OVERRIDDEN: True} if replaced else changed


def _require_written(entry: Entry, rows: int) -> None:
    if rows:
        return
    row = Entry.objects.filter(pk=entry.pk).first()
    raise stale_write(entry.namespace, entry.key, current=row.revision if row else 0)


def _record(
    entry: Entry,
    *,
    action: Action,
    actor: str,
    before: dict[str, Any] | None,
    full: str,
) -> None:
    EntryRevision.objects.create(
        namespace=entry.namespace,
        key=entry.key,
        revision=entry.revision,
        action=action,
        actor=actor,
        before=before,
        after=None if action == Action.DELETE else redacted(entry),
        full=full,
    )


def _full(entry: Entry) -> str:
    """Ciphertext of the whole document; of its public part when the secrets are unreadable."""
    document = Document(
        NAMESPACES[entry.namespace], entry.key, entry.spec, readable_secrets(entry) or {}
    )
    return encrypt(dumps(document.full()))


def _last_revision(namespace: str, key: str) -> int:
    rows = EntryRevision.objects.filter(namespace=namespace, key=key)
    return rows.aggregate(last=Max("revision"))["last"] or 0
