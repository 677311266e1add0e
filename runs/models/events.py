"""The event log: one row per segment, never one per event."""

from django.db import models

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from runs.models.run import Run


class RunEvents(models.Model):
    """A stretch of a run's log, written with the step, suspension or end that it belongs to.

    `events` is a list of stored records (`runs.events.types.Record.dump`), ascending by ``seq``.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="event_segments")
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    events = ExactJSONField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["run", "first_seq"]
        constraints = [
            models.UniqueConstraint(fields=["run", "first_seq"], name="run_events_once"),
        ]
        indexes = [models.Index(fields=["run", "last_seq"], name="run_events_after")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.first_seq}-{self.last_seq}"
