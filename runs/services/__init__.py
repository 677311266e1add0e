"""The verbs of runs, for every face, the admin and the commands alike."""

from runs.services.decisions import Decided, submit_decision, submit_decisions, was_decided
from runs.services.deletion import delete_thread
from runs.services.housekeeping import prune, sweep
from runs.services.requests import Cut, Input, Mode, Submitted
from runs.services.stopping import cancel, cancel_run, cancel_thread, interrupt_thread
from runs.services.submission import submit, submit_foreground

__all__ = [
    "Cut",
    "Decided",
    "Input",
    "Mode",
    "Submitted",
    "cancel",
    "cancel_run",
    "cancel_thread",
    "delete_thread",
    "interrupt_thread",
    "prune",
    "submit",
    "submit_decision",
    "submit_decisions",
    "submit_foreground",
    "sweep",
    "was_decided",
]
