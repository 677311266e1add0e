"""Which progress reports are worth an event."""

import math

from runs.events.types import ToolCallProgress
from runs.tools.errors import ToolError

VISIBLE_PROGRESS = 0.005


def is_visible(shown: ToolCallProgress, event: ToolCallProgress) -> bool:
    """Whether a viewer would notice `event` after `shown`."""
    if shown.message != event.message or event.progress is None or shown.progress is None:
        return shown != event
    if event.progress in {0.0, 1.0}:
        return shown.progress != event.progress
    return abs(event.progress - shown.progress) >= VISIBLE_PROGRESS


def finite(number: float) -> float:
    if not math.isfinite(number):
        raise ToolError("progress must be a finite number")
    return float(number)
