"""Mounted below ``v1/``. Fixed words go before ids; none of them may be the id of an entry."""

from django.urls import path, re_path

from config.api.oversight import (
    AuditLog,
    CapabilitiesView,
    DiagnosticsView,
    ProviderTestView,
    Restore,
    Revisions,
)
from config.api.views import (
    Agent,
    Agents,
    Document,
    Documents,
    Meta,
    Overrides,
    Schema,
    Validation,
)

_ENTRY = "config/<str:namespace>/<str:entry_id>"

urlpatterns = [
    path("capabilities", CapabilitiesView.as_view()),
    path("audit-log", AuditLog.as_view()),
    path("agents", Agents.as_view()),
    path("agents/<str:agent_id>", Agent.as_view()),
    path("providers/<str:provider_id>/test", ProviderTestView.as_view()),
    path("config/diagnostics", DiagnosticsView.as_view()),
    path("config/<str:namespace>", Documents.as_view()),
    # As a regular expression: the OpenAPI generator takes the dollar sign of a plain path away.
    re_path(r"^config/(?P<namespace>[^/]+)/\$schema$", Schema.as_view()),
    path("config/<str:namespace>/validate", Validation.as_view()),
    path(_ENTRY, Document.as_view()),
    path(f"{_ENTRY}/meta", Meta.as_view()),
    path(f"{_ENTRY}/overrides", Overrides.as_view()),
    path(f"{_ENTRY}/revisions", Revisions.as_view()),
    path(f"{_ENTRY}/restore", Restore.as_view()),
]
