"""What a run's status is called as the state of a task (A2A 1.0, section 4.1.3)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agentserver.core.clock import EPOCH
from runs.models import Run

Json = dict[str, Any]

SUBMITTED: Final = "TASK_STATE_SUBMITTED"
WORKING: Final = "TASK_STATE_WORKING"
INPUT_REQUIRED: Final = "TASK_STATE_INPUT_REQUIRED"
AUTH_REQUIRED: Final = "TASK_STATE_AUTH_REQUIRED"
COMPLETED: Final = "TASK_STATE_COMPLETED"
FAILED: Final = "TASK_STATE_FAILED"
CANCELED: Final = "TASK_STATE_CANCELED"
REJECTED: Final = "TASK_STATE_REJECTED"

INTERRUPTED: Final = frozenset({INPUT_REQUIRED, AUTH_REQUIRED})
TERMINAL: Final = frozenset({COMPLETED, FAILED, CANCELED, REJECTED})
STATES: Final = INTERRUPTED | TERMINAL | {SUBMITTED, WORKING}

ENDS: Final = {"cancelled": CANCELED, "blocked": REJECTED, "error": FAILED}


def final_state(termination: str) -> str:
    """Of a done run, by the type of its termination, or the code that its row keeps."""
    return ENDS.get(termination, COMPLETED)


def interrupted_state(kinds: Iterable[str]) -> str:
    """Of a waiting run, by what its open tickets are (`Suspension.kind`)."""
    return AUTH_REQUIRED if "permission" in kinds else INPUT_REQUIRED


def state_of(run: Run, kinds: Iterable[str]) -> str:
    """``kinds`` are those of the open tickets: a waiting run without any is about to go on."""
    match run.status:
        case Run.Status.CREATED:
            return SUBMITTED
        case Run.Status.DONE:
            return final_state(run.termination_code)
        case Run.Status.WAITING:
            open_kinds = set(kinds)
            return interrupted_state(open_kinds) if open_kinds else WORKING
    return WORKING


def failure_text(state: str, detail: str | None) -> str | None:
    """Why a task failed or was rejected; None for every other state."""
    return (detail or "the run failed") if state in {FAILED, REJECTED} else None


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-02T03:04:05.678Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def timestamp_of_ms(at: int) -> str:
    """The same from Unix milliseconds."""
    return timestamp(EPOCH + timedelta(milliseconds=at))


def status(state: str, *, moment: str, message: Json | None = None) -> Json:
    """A TaskStatus; ``moment`` is a timestamp as above."""
    found: Json = {"state": state, "timestamp": moment}
    return found if message is None else {**found, "message": message}
