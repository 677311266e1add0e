"""The Celery application: ``celery -A agentserver worker`` and ``celery -A agentserver beat``.

A worker process hosts the engine; `runs.tasks` starts and stops it with the worker.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")

app = Celery("agentserver")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
