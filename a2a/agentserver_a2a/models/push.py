"""Webhooks of tasks (A2A 1.0, section 3.1.7 to 3.1.10)."""

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.ids import MAX_LENGTH
from runs.models import Run

MAX_URL = 2048


class PushConfig(models.Model):
    """A webhook that follows its task's event log like any other reader; the log is its outbox.

    Everything up to event `position` was delivered, and of the event after it the first `part`
    notifications. `claimed_by` may deliver until `claimed_until`; every write of a delivery names
    the claim it was made under, so that a worker whose claim was lost changes nothing. A failed
    attempt counts in `attempts`, which a success resets, and moves `next_attempt_at`. Token and
    credentials are encrypted. A config stays when its task has ended, for whoever asks what became
    of it, and goes with the run.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        DONE = "done", "delivered"
        DEAD = "dead", "given up"

    id = models.BigAutoField(primary_key=True)
    # Without an index of its own: the one that keeps configs unique begins with it.
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="push_configs", db_index=False
    )
    tenant = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    config_id = models.CharField(max_length=MAX_LENGTH)
    url = models.CharField(max_length=MAX_URL)
    token = models.TextField(default="", blank=True)
    scheme = models.CharField(max_length=64, default="", blank=True)
    credentials = models.TextField(default="", blank=True)

    state = models.CharField(max_length=6, choices=State.choices, default=State.ACTIVE)
    position = models.BigIntegerField(default=0)
    part = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now)
    claimed_by = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    delivered = models.IntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    # HTTP status of the last answer; null when there was none.
    last_status = models.IntegerField(null=True, blank=True)
    last_error = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = "webhook"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "config_id"], name="push_config_once")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="push_config_due", condition=Q(state="active")
            ),
            models.Index(fields=["id"], name="push_config_dead", condition=Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.config_id} of {self.run_id}"
