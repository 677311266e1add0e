"""Waking a worker up. A hint: the queue is in the database, losing every hint only costs time."""

from collections.abc import Callable

from django.db import transaction
from django.db.utils import DEFAULT_DB_ALIAS

WAKE_TASK = "runs.wake"


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
    if _local.wake:
        _local.wake()
    else:
        _send()


def _send() -> None:
    # Deferred: most processes that import this module never send a message.
    from agentserver.celery import app

    # A broker that is down must not fail a submission that is safely stored: the sweeper finds it.
    app.send_task(WAKE_TASK, ignore_result=True, retry=False)
