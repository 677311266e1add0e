"""Every URL of the server."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    # path("", include("agentserver.core.api.urls")),
    # path("", include("agentserver.telemetry.urls")),
    # path("v1/", include("runs.api.urls")),
    # path("v1/", include("threads.api.urls")),
    # path("events/", include("runs.events.eventstream_urls")),
    path("admin/", admin.site.urls),
]

# handler404 = "agentserver.core.api.errors.not_found"
# handler500 = "agentserver.core.api.errors.server_error"
