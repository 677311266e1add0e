"""What becomes of a claimed job: accepted, tried again later, or dead."""

from datetime import timedelta
from typing import Any

from django.db.models import F

from agentserver.core.clock import now
from agentserver.core.prepared import Update, arg
from runs.models import Job

FIRST_DELAY = timedelta(milliseconds=250)
MAX_ERROR_LENGTH = 2000


def retry_delay(failures: int) -> timedelta:
    """The wait after the ``failures``-th failed attempt: 250, 250, 500, 1000 ms.

    No bound: `MAX_ATTEMPTS` is one.
    """
    return FIRST_DELAY * int(2 ** max(failures - 2, 0))


def accept(*, job_id: str, token: str) -> bool:
    """Claimed → Accepted: the request was consumed, whatever the run's outcome. False: not ours."""
    return _ACCEPT.run(job_id=job_id, token=token, now=now()) == 1


def dead_letter(*, job_id: str, token: str, error: str) -> bool:
    """Claimed → DeadLetter."""
    known = error[:MAX_ERROR_LENGTH]
    return _BURY.run(job_id=job_id, token=token, error=known, now=now()) == 1


def retry(*, job: Job, token: str, error: str, delay: timedelta | None = None) -> bool:
    """Claimed → Queued, available again after the back-off. False: the job is no longer ours."""
    wait = max(delay or timedelta(), retry_delay(job.attempt_count + 1))
    return bool(
        Job.objects.filter(pk=job.pk, claim_token=token, state=Job.State.CLAIMED).update(
            state=Job.State.QUEUED,
            attempt_count=F("attempt_count") + 1,
            available_at=now() + wait,
            last_error=error[:MAX_ERROR_LENGTH],
            claim_token="",
            lease_until=None,
            updated_at=now(),
        )
    )


def _closing(state: Job.State, **columns: Any) -> Update:
    mine = {"pk": arg("job_id"), "claim_token": arg("token"), "state": Job.State.CLAIMED}
    return Update(
        lambda: Job.objects.filter(**mine),
        state=state,
        lease_until=None,
        updated_at=arg("now"),
        **columns,
    )


# The error of an earlier attempt stays readable on a job that was accepted in the end.
_ACCEPT = _closing(Job.State.ACCEPTED)
_BURY = _closing(Job.State.DEAD_LETTER, last_error=arg("error"))
