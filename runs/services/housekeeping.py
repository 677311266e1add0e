"""What runs by the clock of Celery beat; the embedded worker does the same without being told.

Both are idempotent.
"""

from runs import dispatch
from runs.mailbox import sweep as sweeper


def sweep() -> sweeper.Swept:
    """Requeues expired leases, ends overdue suspensions, and wakes a worker when a job is due."""
    swept = sweeper.sweep()
    if swept.due:
        dispatch.wake()
    return swept


def prune() -> int:
    """Deletes terminal jobs, idempotency keys and replaced configuration past their retention;
    returns the number of jobs."""
    return sweeper.prune()
