"""ASGI entry point: ``gunicorn agentserver.asgi:application --worker-class asgi``."""

import os
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.asgi import get_asgi_application

if TYPE_CHECKING:
    from agentserver.core.api.body_limit import Application, BodyLimit


def _application() -> "BodyLimit":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")
    django = cast("Application", get_asgi_application())
    # Deferred: it imports Django REST framework, which reads the settings.
    from agentserver.core.api.body_limit import BodyLimit
    from agentserver.protocols.ai_sdk.files import MAX_BODY_BYTES

    larger = {"/v1/ai-sdk/": MAX_BODY_BYTES}
    return BodyLimit(django, default=settings.AGENTSERVER_MAX_BODY_BYTES, larger=larger)


application = _application()
