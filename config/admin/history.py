"""What was changed by whom, with the differences, and the way back; published versions."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import ago, badge
from agentserver.core.admin.verbs import actor_of
from agentserver.core.errors import Forbidden, NotFound
from config.admin.proxies import Agent, McpServer, ModelBinding, Provider
from config.models import Entry, EntryRevision, Snapshot
from config.namespaces import AGENTS, MCP_SERVERS, MODELS, PROVIDERS
from config.services import restore_revision

PROXIES: Mapping[str, type[Entry]] = {
    AGENTS: Agent,
    MODELS: ModelBinding,
    PROVIDERS: Provider,
    MCP_SERVERS: McpServer,
}
_KINDS = {"create": "ok", "update": "busy", "restore": "wait", "delete": "bad", "publish": "none"}
_LINE_KINDS = {"+": "added", "-": "removed", "?": "", " ": "same"}


@admin.register(EntryRevision)
class EntryRevisionAdmin(PageAdmin):
    page_template = "admin/config/revision.html"
    payloads = ("before", "after", "full")
    list_display = ("document", "what", "revision", "actor", "when")
    list_display_links = ("document",)
    list_filter = ("namespace", "action")
    search_fields = ("key",)
    search_help_text = "The id of a document, or its beginning"
    ordering = ("-id",)
    empty_text = "Every change of the configuration will be listed here."

    @admin.display(description="Change")
    def what(self, row: EntryRevision) -> str:
        return badge(row.action, _KINDS[row.action])

    @admin.display(description="Document")
    def document(self, row: EntryRevision) -> str:
        return f"{row.namespace}/{row.key}" if row.key else f"version {row.revision}"

    @admin.display(description="When")
    def when(self, row: EntryRevision) -> str:
        return ago(row.at)

    def page_context(self, request: HttpRequest, row: EntryRevision) -> Mapping[str, Any]:
        proxy = PROXIES.get(row.namespace)
        return {
            "title": self.document(row),
            "lines": list(difference(row.before, row.after)),
            "kind": _KINDS[row.action],
            "may_restore": bool(proxy) and request.user.has_perm(_permission(row)),
            "restore_url": self.verb_link("restore", row.pk),
            "entry_link": self._entry_link(row),
        }

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("restore", self.permission("view"), self._restore)]

    def _restore(self, request: HttpRequest, key: str) -> str:
        row = EntryRevision.objects.filter(pk=int(key) if key.isdecimal() else 0).first()
        if row is None:
            raise NotFound("this revision is gone")
        if row.namespace not in PROXIES or not request.user.has_perm(_permission(row)):
            raise Forbidden("you may not change this document")
        entry = restore_revision(
            namespace=row.namespace, key=row.key, revision=row.revision, actor=actor_of(request)
        )
        return f"{entry} is as it was at revision {row.revision}, now as revision {entry.revision}."

    def _entry_link(self, row: EntryRevision) -> str:
        entry = Entry.objects.visible().find(row.namespace, row.key)
        if entry is None or row.namespace not in PROXIES:
            return ""
        model = PROXIES[row.namespace]._meta.model_name
        return reverse(f"admin:config_{model}_change", args=[entry.pk])


@admin.register(Snapshot)
class SnapshotAdmin(PageAdmin):
    page_template = "admin/config/snapshot.html"
    payloads = ("compiled",)
    list_display = ("version", "when")
    ordering = ("-version",)
    empty_text = "Each change of the configuration publishes a version; runs keep the one they had."

    @admin.display(description="Published")
    def when(self, row: Snapshot) -> str:
        return ago(row.created_at)

    def page_context(self, request: HttpRequest, row: Snapshot) -> Mapping[str, Any]:
        """The documents without their secrets, which a snapshot keeps apart and encrypted."""
        documents = {
            namespace: {key: pretty(entry["spec"]) for key, entry in sorted(entries.items())}
            for namespace, entries in row.compiled.items()
        }
        return {"documents": documents}


def difference(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """``(added | removed | same, line)`` of two documents written as JSON."""
    for line in difflib.ndiff(_lines(before), _lines(after)):
        if line[0] != "?":
            yield _LINE_KINDS[line[0]], line[2:]


def pretty(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _lines(document: Any) -> list[str]:
    return [] if document is None else pretty(document).splitlines()


def _permission(row: EntryRevision) -> str:
    """What restoring needs: a document that was deleted is made anew."""
    if not row.key:
        return ""
    exists = Entry.objects.visible().find(row.namespace, row.key) is not None
    action = "change" if exists else "add"
    return f"config.{action}_{PROXIES[row.namespace]._meta.model_name}"
