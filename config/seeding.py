"""Builtin entries: documents that come from code, re-read at every start."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from agentserver.core.errors import BadRequest
from config import store
from config.documents import Document, dump, normalise, parse, read_body
from config.errors import InvalidPayload
from config.models import Entry, EntryRevision, Snapshot
from config.namespaces import NAMESPACES, find_namespace
from config.publication import lock_configuration, publish
from config.references import Name, references

ACTOR = "defaults"

logger = logging.getLogger(__name__)

Wanted = dict[Name, Document]
Rows = dict[Name, Entry]


def seed_builtin(documents: Mapping[str, Iterable[Mapping[str, Any]]]) -> bool:
    """Make the builtin entries say what the code says; True when something was published.

    ``documents``: lists by namespace; of two with one id the later counts. Entries that users made
    are left alone, members that users changed keep their value, builtin entries that users deleted
    stay deleted, and one that left the code goes unless it was changed or is still needed (then it
    becomes a user's). Two queries when nothing changed. Raises `ImproperlyConfigured` for a
    document that is invalid or does not fit the rest.
    """
    wanted = _read(documents)
    if Snapshot.objects.exists() and not _differs(wanted, _rows()):
        return False
    try:
        _seed(wanted)
    except BadRequest as error:
        raise ImproperlyConfigured(f"builtin configuration: {error.message}") from error
    return True


@transaction.atomic
def _seed(wanted: Wanted) -> None:
    lock_configuration()
    rows = _rows()
    for name, document in wanted.items():
        _put(rows.get(name), document)
    _let_go(_rows(), wanted)
    _show_needed(_rows())
    publish(actor=ACTOR)


def _read(documents: Mapping[str, Iterable[Mapping[str, Any]]]) -> Wanted:
    wanted: Wanted = {}
    for name, bodies in documents.items():
        namespace = find_namespace(name)
        for body in bodies:
            try:
                document = normalise(namespace, read_body(dict(body), path_id=None), stored={})
            except BadRequest as error:
                place = f"{name}/{body.get('id')}"
                raise ImproperlyConfigured(f"builtin {place}: {error.message}") from error
            wanted[name, document.key] = document
    return wanted


def _rows() -> Rows:
    return {(entry.namespace, entry.key): entry for entry in Entry.objects.all()}


def _differs(wanted: Wanted, rows: Rows) -> bool:
    gone = any(_is_builtin(row) and name not in wanted for name, row in rows.items())
    return gone or any(
        rows.get(name) is None or _is_outdated(rows[name], document)
        for name, document in wanted.items()
    )


def _is_builtin(row: Entry) -> bool:
    return row.source == Entry.Source.BUILTIN


def _is_outdated(row: Entry, document: Document) -> bool:
    if not _is_builtin(row):
        return False
    return bool(row.base != document.public) or not _secrets_agree(row, document)


def _secrets_agree(row: Entry, document: Document) -> bool:
    if store.SECRETS_OVERRIDDEN in row.overrides:
        return True
    return store.readable_secrets(row) == document.secrets


def _is_locked(row: Entry) -> bool:
    """Whether a user's secrets would be lost by writing the row."""
    return store.SECRETS_OVERRIDDEN in row.overrides and store.readable_secrets(row) is None


def _put(row: Entry | None, document: Document) -> None:
    if row is None:
        action = EntryRevision.Action.CREATE
        store.insert(document, actor=ACTOR, action=action, builtin=True)
    elif _is_locked(row):
        logger.error("%s: not updated, its secrets cannot be decrypted", row)
    elif _is_outdated(row, document):
        before = store.redacted(row)
        row.base = document.public
        store.fill(row, _with_overrides(row, document))
        store.save(row, actor=ACTOR, action=EntryRevision.Action.UPDATE, before=before)


def _with_overrides(row: Entry, document: Document) -> Document:
    """The code's document with the members users changed; without them if they no longer fit."""
    kept = {
        name: value
        for name, value in row.overrides.items()
        if name != store.SECRETS_OVERRIDDEN and name in document.public
    }
    secrets = document.secrets
    if store.SECRETS_OVERRIDDEN in row.overrides:
        secrets = store.stored_secrets(row)
    namespace = NAMESPACES[row.namespace]
    full = namespace.secret.join({**document.public, **kept}, secrets)
    try:
        full = dump(parse(namespace, full))
    except InvalidPayload as error:
        logger.warning("%s: changes are dropped, the code's form changed: %s", row, error.message)
        row.overrides = {}
        return document
    return Document(namespace, row.key, *namespace.secret.split(full))


def _let_go(rows: Rows, wanted: Wanted) -> None:
    stale = {name for name, row in rows.items() if _is_builtin(row) and name not in wanted}
    keep = {name for name in stale if rows[name].overrides and not rows[name].hidden}
    needed = _needed({name: row for name, row in rows.items() if name not in stale - keep}, rows)
    for name in stale:
        if name in keep | needed:
            _hand_over(rows[name])
        else:
            store.remove(rows[name], actor=ACTOR, for_good=True)


def _hand_over(row: Entry) -> None:
    before = None if row.hidden else store.redacted(row)
    row.source, row.base, row.overrides, row.hidden = Entry.Source.USER, None, {}, False
    store.save(row, actor=ACTOR, action=EntryRevision.Action.UPDATE, before=before)


def _show_needed(rows: Rows) -> None:
    """A document of the code may need one that a user deleted when nothing needed it."""
    needed = _needed({name: row for name, row in rows.items() if not row.hidden}, rows)
    for name in needed:
        if rows[name].hidden:
            rows[name].hidden = False
            action = EntryRevision.Action.RESTORE
            store.save(rows[name], actor=ACTOR, action=action, before=None)


def _needed(start: Rows, rows: Rows) -> set[Name]:
    """The existing entries that visible ones of ``start`` refer to, directly or not."""
    found: set[Name] = set()
    waiting = [row for row in start.values() if not row.hidden]
    while waiting:
        row = waiting.pop()
        for name in references(row.namespace, row.spec):
            if name in rows and name not in found:
                found.add(name)
                waiting.append(rows[name])
    return found
