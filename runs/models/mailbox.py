"""The mailbox: each thread's queue of jobs, and the lane that lets one run through at a time."""

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH, new_id
from runs.models.run import Run
from threads.models import Thread

DEFAULT_PRIORITY = 128
MAX_ATTEMPTS = 5


class Lane(models.Model):
    """The one-at-a-time gate of a thread, and its place among all threads that have work.

    `holder_id` is the run that began and is not done (running or waiting): nothing else of the
    thread starts before it lets go. `next_job_id` may be claimed from `ready_at` on; `ready_at` is
    null when there is no such job, because the queue is empty or the holder is busy or waits for
    people. `fair_at` (Unix ms) orders ready lanes so that a caller with much work waits behind
    callers with little. Whoever changes jobs or the holder does so under the lane's row lock and
    then calls `runs.mailbox.lane.refresh`.
    """

    thread = models.OneToOneField(
        Thread, primary_key=True, on_delete=models.CASCADE, related_name="lane"
    )
    resource_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    generation = models.BigIntegerField(default=0)
    turn = models.BigIntegerField(default=0)
    holder_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    next_job_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    priority = models.SmallIntegerField(default=DEFAULT_PRIORITY)
    fair_at = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["priority", "fair_at"],
                name="lane_ready",
                condition=Q(ready_at__isnull=False),
            ),
            models.Index(
                fields=["resource_id"],
                name="lane_resource_busy",
                condition=Q(ready_at__isnull=False) | ~Q(holder_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"lane of {self.thread_id}"


class Job(models.Model):
    """A request to execute a run: its start, or its resumption after a decision."""

    class State(models.TextChoices):
        QUEUED = "Queued"
        CLAIMED = "Claimed"
        ACCEPTED = "Accepted"
        CANCELLED = "Cancelled"
        SUPERSEDED = "Superseded"
        DEAD_LETTER = "DeadLetter"

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH, default=new_id)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="jobs")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="jobs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    resumes = models.BooleanField(default=False)
    priority = models.SmallIntegerField(default=DEFAULT_PRIORITY)
    dedupe_key = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    generation = models.BigIntegerField(default=0)
    attempt_count = models.IntegerField(default=0)
    max_attempts = models.IntegerField(default=MAX_ATTEMPTS)
    available_at = models.DateTimeField(default=now)
    last_error = models.TextField(default="", blank=True)
    claim_token = models.CharField(max_length=36, default="", blank=True)
    claimed_by = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["priority", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["thread"], condition=Q(state="Claimed"), name="job_one_claimed"
            ),
            models.UniqueConstraint(
                fields=["thread", "dedupe_key"],
                condition=Q(state__in=["Queued", "Claimed"]) & ~Q(dedupe_key=""),
                name="job_dedupe_open",
            ),
        ]
        indexes = [
            models.Index(fields=["thread", "priority", "created_at"], name="job_thread_order"),
            models.Index(
                fields=["thread", "priority", "created_at"],
                name="job_queued",
                condition=Q(state="Queued"),
            ),
            models.Index(fields=["lease_until"], name="job_leases", condition=Q(state="Claimed")),
            models.Index(
                fields=["updated_at"],
                name="job_terminal",
                condition=~Q(state__in=["Queued", "Claimed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"


class IdempotencyKey(models.Model):
    """What a submission with an ``Idempotency-Key`` led to, so that a repeat finds it again."""

    id = models.BigAutoField(primary_key=True)
    scope = models.CharField(max_length=MAX_LENGTH)
    key = models.CharField(max_length=MAX_LENGTH)
    body_digest = models.CharField(max_length=64)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="idempotency_keys")
    answer = ExactJSONField(default=dict)
    created_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return self.key
