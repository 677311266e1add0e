"""History, diagnosis and capabilities: looking at the configuration as a whole."""

from dataclasses import asdict

from django.http import HttpResponse
from rest_framework.request import Request

from agentserver.core.api.answers import json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.paging import CursorQuery
from config import registry
from config.api.base import ConfigView, document_answer, history_answer
from config.api.wire import (
    AuditQuery,
    CapabilitiesBody,
    ConfigHistory,
    DiagnosticsBody,
    ProviderTestRequest,
    ProviderVerdict,
    RestoreRequest,
    StoredDocument,
    moment,
)
from config.audit import AuditFilter, page_of_audit_log, page_of_revisions
from config.capabilities import capabilities
from config.diagnostics import diagnose
from config.provider_test import try_provider
from config.services import restore_revision


class Revisions(ConfigView):
    @operation(
        "List a document's revisions", scope="config", answers={200: ConfigHistory}, errors=(404,)
    )
    def get(
        self, request: Request, namespace: str, entry_id: str, query: CursorQuery
    ) -> HttpResponse:
        """The newest first, also of a document that was deleted."""
        return history_answer(page_of_revisions(namespace, entry_id, query=query))


class Restore(ConfigView):
    @operation(
        "Restore a revision",
        scope="config",
        answers={200: StoredDocument},
        errors=(404, 409),
        headers=("If-Match",),
        body=RestoreRequest,
    )
    def post(self, request: Request, namespace: str, entry_id: str) -> HttpResponse:
        """Puts the document back as it was after that revision (before it, if that deleted it),
        with its secrets; validated and published like any write."""
        entry = restore_revision(
            namespace=namespace,
            key=entry_id,
            revision=self.payload_of(RestoreRequest).revision,
            actor=self.actor(),
            expected_revision=self.expected(namespace, entry_id),
        )
        return document_answer(entry)


class AuditLog(ConfigView):
    @operation("Read the audit log", scope="config", answers={200: ConfigHistory})
    def get(self, request: Request, query: AuditQuery) -> HttpResponse:
        """Who changed what, the newest first; `before` and `after` are redacted."""
        wanted = AuditFilter(
            namespace=query.namespace,
            key=query.id,
            action=query.action,
            actor=query.actor,
            since=moment(query.since),
            until=moment(query.until),
        )
        return history_answer(page_of_audit_log(wanted=wanted, query=query))


class DiagnosticsView(ConfigView):
    @operation(
        "Diagnose the configuration", scope="config", answers={200: DiagnosticsBody}, errors=(400,)
    )
    def get(self, request: Request) -> HttpResponse:
        """Which documents resolve, and what in them has no effect."""
        return json_answer(diagnose())


class CapabilitiesView(ConfigView):
    @operation("Get the capabilities", answers={200: CapabilitiesBody}, errors=(400,))
    def get(self, request: Request) -> HttpResponse:
        """From the configuration that new runs use. A write through this process shows in the very
        next answer, one through another process within two seconds."""
        return json_answer(capabilities(registry.current()))


class ProviderTestView(ConfigView):
    tag = "providers"

    @operation(
        "Test a provider",
        scope="config",
        answers={200: ProviderVerdict},
        errors=(404, 503),
        body=ProviderTestRequest,
        empty_body=True,
    )
    def post(self, request: Request, provider_id: str) -> HttpResponse:
        """Asks one of its models for a few tokens and waits ten seconds at most for the first."""
        wanted = self.payload_of(ProviderTestRequest, empty=True)
        verdict = asdict(try_provider(provider_id, upstream_model=wanted.upstream_model))
        if verdict["error"] is None:
            del verdict["error"]
        return json_answer(verdict)
