"""ASGI entry point: ``gunicorn agentserver.asgi:application --worker-class asgi``."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")

application = get_asgi_application()
