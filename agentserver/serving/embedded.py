"""The worker inside the serving process, for a server that is one process and needs no service."""

import threading
from typing import Any

from runs import dispatch

THREADS = 4


class EmbeddedWorker:
    """A Celery worker in a daemon thread, and the engine it hosts."""

    def __init__(self) -> None:
        self._controller: Any = None

    def start(self) -> None:
        """Starts both; returns at once. Runs that an earlier process left are taken up first."""
        # Deferred: the engine loads the model layer, which a web-only process never needs.
        from celery.worker import WorkController

        from agentserver.celery import app
        from runs.engine import host

        engine = host.of_this_process(sweeps=True)
        dispatch.set_local_worker(engine.wake)
        self._controller = WorkController(
            app=app, pool_cls="threads", concurrency=THREADS, quiet=True, without_heartbeat=True
        )
        threading.Thread(target=self._controller.start, name="celery", daemon=True).start()

    def stop(self) -> None:
        from runs.engine import host

        dispatch.set_local_worker(None)
        host.stop()
        if self._controller:
            self._controller.stop(in_sighandler=True)
