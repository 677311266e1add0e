"""What runs by the clock. Both are idempotent; the embedded worker and Celery beat call them."""

from runs import dispatch
from runs.mailbox import sweep as sweeper


def sweep() -> sweeper.Swept:
    """Requeues expired leases, ends overdue suspensions, and wakes a worker when a job is due."""
    swept = sweeper.sweep()
    if swept.due:
        dispatch.wake()
    return swept


def prune() -> int:
    """Deletes terminal jobs and idempotency keys past their retention; returns the jobs deleted."""
    return sweeper.prune()
