"""Every URL of the server."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

READS = ["get", "head"]

urlpatterns = [
    path("", include("agentserver.core.api.urls")),
    path("", include("agentserver.telemetry.urls")),
    # The order counts: what runs add to a thread's routes stands before the bare thread.
    path("v1/", include("runs.api.urls")),
    path("v1/", include("threads.api.urls")),
    path("v1/", include("config.api.urls")),
    path("v1/", include("agentserver_mcp.servers_api.urls")),
    path("v1/ai-sdk/", include("agentserver.protocols.ai_sdk.urls")),
    path("v1/ag-ui/", include("agentserver.protocols.ag_ui.urls")),
    path("v1/", include("agentserver_mcp.api.urls")),
    path("api/mcp/", include("agentserver_mcp.api.mastra_urls")),
    path("", include("agentserver_a2a.api.urls")),
    path("events/", include("runs.events.eventstream_urls")),
    path("admin/", admin.site.urls),
    # What people type: slashes are not appended by themselves, and "/" is no operation of the API.
    path("admin", RedirectView.as_view(url="/admin/", http_method_names=READS)),
    path("", RedirectView.as_view(url="/docs", http_method_names=READS)),
]

handler400 = "agentserver.core.api.errors.bad_request"
handler403 = "agentserver.core.api.errors.permission_denied"
handler404 = "agentserver.core.api.errors.not_found"
handler500 = "agentserver.core.api.errors.server_error"
