"""The Celery application: ``celery -A agentserver worker`` and ``celery -A agentserver beat``.

A worker process hosts the engine (`runs.engine.host`): it starts with the worker and hands its runs
back to the queue when the worker stops.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")

app = Celery("agentserver")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def start_engine(**_: Any) -> None:
    from runs.engine import host

    host.of_this_process()


@worker_shutdown.connect
def stop_engine(**_: Any) -> None:
    from runs.engine import host

    host.stop()
