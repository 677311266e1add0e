"""ASGI entry point: ``gunicorn agentserver.asgi:application --worker-class asgi``."""

import os
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application

from agentserver.core.api.body_limit import Application, BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")

application = BodyLimit(
    cast("Application", get_asgi_application()), default=settings.AGENTSERVER_MAX_BODY_BYTES
)
