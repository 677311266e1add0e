"""Writing many documents at once: all of them, or none."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from agentserver.core.errors import ApiError, BadRequest
from config import store
from config.documents import Document, normalise, read_body
from config.errors import in_use
from config.exchange import ORDER, Documents, to_yaml, written
from config.models import Entry, EntryRevision
from config.namespaces import NAMESPACES, Namespace
from config.publication import lock_configuration, publish
from config.references import Name, dependents, used_by

Action = EntryRevision.Action


class InvalidDocuments(BadRequest):
    """``details.issues``: a sentence for each document that is wrong."""

    code = "invalid_documents"


@dataclass
class Import:
    """What an import changes. ``changes`` are lines such as ``update agents/assistant``; ``diff``
    is unified, over the documents as `config.exchange` writes them, so it shows no secret."""

    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diff: str = ""


def import_documents(
    *, documents: Documents, actor: str, apply: bool = False, prune: bool = False
) -> Import:
    """Create and wholly replace documents, and publish once; without ``apply`` nothing is kept.

    A ``[redacted]`` secret, or one left out, keeps the stored value. ``prune`` deletes what users
    made in the given namespaces and the file lacks. Raises `BadRequest` naming all documents that
    are invalid alone, else what does not fit together, and `Conflict` when something pruned is
    still in use.
    """
    with transaction.atomic():
        lock_configuration()
        run = _Run(actor)
        names = [*_names(documents), *(run.surplus(documents) if prune else ())]
        before = _text(names)
        run.put_all(documents)
        if prune:
            run.remove(run.surplus(documents))
        publish(actor=actor)
        run.result.diff = _diff(before, _text(names))
        if not apply:
            transaction.set_rollback(True)
    return run.result


class _Run:
    def __init__(self, actor: str) -> None:
        self.actor = actor
        self.result = Import()

    def put_all(self, documents: Documents) -> None:
        problems: list[str] = []
        for namespace in ORDER:
            for number, body in enumerate(documents.get(namespace, ()), 1):
                try:
                    self._put(NAMESPACES[namespace], body)
                except ApiError as error:
                    place = f"{namespace}/{body.get('id') or f'document {number}'}"
                    problems.append(f"{place}: {error.message}")
        if problems:
            raise InvalidDocuments("\n".join(problems), details={"issues": problems})

    def surplus(self, documents: Documents) -> list[Name]:
        """Builtin entries are the code's: they are no surplus."""
        named = set(_names(documents))
        rows = Entry.objects.filter(namespace__in=documents, source=Entry.Source.USER)
        found = rows.order_by("namespace", "key").values_list("namespace", "key")
        return [name for name in found if name not in named]

    def remove(self, names: list[Name]) -> None:
        if users := dependents(names):
            raise in_use(used_by(users))
        for namespace, key in names:
            entry = Entry.objects.get(namespace=namespace, key=key)
            store.remove(entry, actor=self.actor)
            self.result.changes.append(f"delete {entry}")

    def _put(self, space: Namespace, body: dict[str, Any]) -> None:
        members = read_body(body, path_id=None)
        row = Entry.objects.find(space.name, members["id"])
        visible = row if row is not None and not row.hidden else None
        stored = store.stored_secrets(visible) if visible else {}
        lost = space.secret.drop_unknown(members, stored)
        document = normalise(space, members, stored=stored)
        self._store(row, visible, document, secrets_change=document.secrets != stored)
        self.result.warnings += [
            f"{space.name}/{document.key}: {place} is not stored here: set it" for place in lost
        ]

    def _store(
        self, row: Entry | None, visible: Entry | None, document: Document, *, secrets_change: bool
    ) -> None:
        action = Action.UPDATE if visible else Action.CREATE
        if row is None:
            entry = store.insert(document, actor=self.actor, action=action, builtin=False)
        else:
            revision = row.revision
            entry = store.replace(row, document, actor=self.actor, action=action)
            if entry.revision == revision:
                return
        note = " (with secrets)" if secrets_change else ""
        self.result.changes.append(f"{action} {entry}{note}")


def _names(documents: Documents) -> Iterator[Name]:
    for namespace, bodies in documents.items():
        for body in bodies:
            yield namespace, str(body.get("id"))


def _text(names: list[Name]) -> str:
    """The stored documents of these names, as an export shows them."""
    rows = Entry.objects.visible().filter(namespace__in={namespace for namespace, _ in names})
    wanted = set(names)
    documents: Documents = {}
    for row in rows.order_by("key"):
        if (row.namespace, row.key) in wanted:
            documents.setdefault(row.namespace, []).append(written(row))
    return to_yaml(documents)


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "stored", "imported"
    )
    return "".join(lines)
