"""WSGI entry point. Streams are bridged; prefer ASGI, where a viewer does not occupy a thread."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")

application = get_wsgi_application()
