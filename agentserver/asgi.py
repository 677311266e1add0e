"""ASGI entry point: ``gunicorn agentserver.asgi:application --worker-class asgi``."""

import os
from typing import TYPE_CHECKING, cast

import django
from django.conf import settings

if TYPE_CHECKING:
    from agentserver.core.api.body_limit import Application, BodyLimit


def _application() -> "BodyLimit":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")
    django.setup(set_prefix=False)
    # Deferred: they import Django REST framework, which reads the settings.
    from agentserver.core.api.body_limit import BodyLimit
    from agentserver.core.asgi_handler import Handler
    from agentserver.protocols.ag_ui.views import MAX_BODY_BYTES as MAX_AG_UI_BYTES
    from agentserver.protocols.ai_sdk.files import MAX_BODY_BYTES
    from agentserver_a2a.api.negotiation import MAX_BODY_BYTES as MAX_A2A_BYTES
    from agentserver_mcp.api.views import MAX_BODY_BYTES as MAX_MCP_BYTES

    larger = {
        "/v1/ai-sdk/": MAX_BODY_BYTES,
        "/v1/ag-ui/": MAX_AG_UI_BYTES,
        "/v1/a2a": MAX_A2A_BYTES,
        "/v1/mcp": MAX_MCP_BYTES,
        "/api/mcp/": MAX_MCP_BYTES,
    }
    handler = cast("Application", Handler())
    return BodyLimit(handler, default=settings.AGENTSERVER_MAX_BODY_BYTES, larger=larger)


application = _application()
