"""Celery tasks: three lines each, all of them hints or housekeeping that may run twice."""

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
