"""One run of an agent on a thread."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH, new_id
from threads.models import Thread


def status_moment() -> datetime:
    """Now, in whole milliseconds: what lists show is what they order and compare by."""
    moment = now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Run(models.Model):
    """The durable state of a run. Every write of a worker is guarded by `attempt` (fencing).

    `turn` is the run's place among the runs of its thread that began (or ended without beginning);
    it orders events and messages of a thread. `last_seq` is the last committed event; an attempt
    numbers its events from max(`last_seq`, `seq_floor`) + 1, and giving up a dead attempt raises
    `seq_floor` above everything it may have published. `status_changed_at` moves with `status` and
    with nothing else.
    """

    class Status(models.TextChoices):
        CREATED = "created"
        RUNNING = "running"
        WAITING = "waiting"
        DONE = "done"

    class Cancel(models.TextChoices):
        NONE = ""
        CANCEL = "cancel"
        INTERRUPT = "interrupt"

    class Origin(models.TextChoices):
        USER = "User"
        A2A = "A2A"
        MCP = "Mcp"
        INTERNAL = "Internal"

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH, default=new_id)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="runs")
    agent_id = models.CharField(max_length=MAX_LENGTH)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    parent_call_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.USER)
    sender_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    config_version = models.BigIntegerField(default=0)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.CREATED)
    # "" while it runs; else natural, suspended, stopped:<code>, error, ... (docs/native-api.md)
    termination_code = models.CharField(max_length=64, default="", blank=True)
    termination_detail = models.TextField(default="", blank=True)
    error_payload = ExactJSONField(null=True, blank=True)
    final_output = models.TextField(null=True, blank=True)  # noqa: DJ001 - null: nothing said yet
    output = ExactJSONField(null=True, blank=True)
    cancel_requested = models.CharField(
        max_length=9, choices=Cancel.choices, default=Cancel.NONE, blank=True
    )

    turn = models.BigIntegerField(null=True, blank=True)
    attempt = models.IntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    seq_floor = models.BigIntegerField(default=0)

    steps = models.IntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    usage = models.JSONField(default=dict, blank=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    model_name = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    input_from_seq = models.BigIntegerField(null=True, blank=True)
    input_to_seq = models.BigIntegerField(null=True, blank=True)
    # Frontend tools, overrides, client metadata of the request.
    request_extras = ExactJSONField(default=dict, blank=True)

    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)
    status_changed_at = models.DateTimeField(default=status_moment)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                name="run_finished_iff_done",
                condition=Q(status="done", finished_at__isnull=False)
                | (~Q(status="done") & Q(finished_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="run_created"),
            models.Index(fields=["thread", "created_at", "id"], name="run_thread_created"),
            models.Index(fields=["thread", "updated_at"], name="run_thread_updated"),
            models.Index(fields=["thread", "turn"], name="run_thread_turn"),
            models.Index(fields=["status", "created_at", "id"], name="run_status_created"),
            models.Index(fields=["status_changed_at", "id"], name="run_status_changed"),
            models.Index(
                fields=["agent_id", "status_changed_at", "id"], name="run_agent_status_changed"
            ),
            models.Index(fields=["thread"], name="run_open", condition=~Q(status="done")),
            models.Index(
                fields=["expires_at"],
                name="run_waiting_expiry",
                condition=Q(status="waiting", expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def next_seq(self) -> int:
        """The number of the next event of this run."""
        return max(self.last_seq, self.seq_floor) + 1

    @property
    def is_done(self) -> bool:
        return self.status == self.Status.DONE


class RunInput(models.Model):
    """Messages handed to a running run, taken up before its next inference (mode ``steer``)."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="inbox")
    message_ids = ExactJSONField()
    taken_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(
                fields=["run", "id"], name="run_input_open", condition=Q(taken_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"input of {self.run_id}"
