"""Celery tasks: all of them hints or housekeeping that may run twice; and the engine's life.

The engine starts with the worker process and hands its runs back to the queue when that stops.
"""

from typing import Any

from celery.signals import worker_ready, worker_shutdown

from agentserver.celery import app
from runs import dispatch, services
from runs.engine import host


@app.task(name=dispatch.WAKE_TASK)
def wake() -> None:
    host.of_this_process().wake()


@app.task(name="runs.sweep")
def sweep() -> None:
    services.sweep()


@app.task(name="runs.prune")
def prune() -> None:
    services.prune()


@worker_ready.connect
def start_engine(**_: Any) -> None:
    host.of_this_process()


@worker_shutdown.connect
def stop_engine(**_: Any) -> None:
    host.stop()
