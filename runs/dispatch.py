"""Waking a worker up. A hint: the queue is in the database, losing every hint only costs time."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.db.utils import DEFAULT_DB_ALIAS
from kombu.exceptions import OperationalError

from runs.events.live import channel

WAKE_TASK = "runs.wake"
WAKE = {"kind": "wake"}

logger = logging.getLogger(__name__)


class _Local:
    """The worker of this very process (embedded mode), if there is one."""

    wake: Callable[[], None] | None = None


_local = _Local()


def set_local_worker(wake: Callable[[], None] | None) -> None:
    """``wake`` is called instead of sending a message while this process hosts a worker."""
    _local.wake = wake


def on_commit() -> None:
    """Wakes a worker once the surrounding transaction is durable; once per transaction."""
    connection = transaction.get_connection(DEFAULT_DB_ALIAS)
    already = any(callback is wake for _, callback, _ in connection.run_on_commit)
    if not already:
        transaction.on_commit(wake)


def wake() -> None:
    """Tells workers that there is something to claim.

    Worker processes listen on the live channel, which costs a tenth of a task message. Where none
    listens a Celery message waits for the next worker; a listener that does not react is made up
    for by the sweeper.
    """
    if _local.wake:
        _local.wake()
    elif channel().send_control(WAKE) == 0:
        _send_task()


def _send_task() -> None:
    # Deferred: most processes that import this module never send a message.
    from agentserver.celery import app

    try:
        app.send_task(WAKE_TASK, ignore_result=True, retry=False)
    except OperationalError as error:
        # The submission is safely stored, and the sweeper finds it.
        logger.warning("no worker was woken: %s", error)
