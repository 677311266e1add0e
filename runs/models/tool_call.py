"""The tool-call ledger: intent before execution, result after, one row per call."""

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH, new_id
from runs.models.run import Run


class ToolCall(models.Model):
    """One call of a run. A row in a final status is never executed again.

    `suspension` is the open question (`runs.events.types.Suspension`) while it waits; `decision`
    the answer ``{decision_id, ticket_id, action, payload, error}``, `answers` the earlier answers
    of a call that asked more than once; `result` is ``{data, message, metadata, content}`` on
    success, ``{error}`` on failure, ``{data}`` (what the refusal said) after a cancel.
    """

    class Status(models.TextChoices):
        NEW = "new"
        RUNNING = "running"
        SUSPENDED = "suspended"
        RESUMING = "resuming"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tool_calls")
    call_id = models.CharField(max_length=MAX_LENGTH)
    step = models.IntegerField()
    position = models.IntegerField(default=0)
    name = models.CharField(max_length=MAX_LENGTH)
    arguments = ExactJSONField(null=True)
    client_side = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.NEW)
    suspension = ExactJSONField(null=True, blank=True)
    ticket_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    decision = ExactJSONField(null=True, blank=True)
    answers = ExactJSONField(default=list, blank=True)
    result = ExactJSONField(null=True, blank=True)
    result_message_id = models.CharField(max_length=MAX_LENGTH, default=new_id)
    child_run_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    attempt = models.IntegerField(default=0)
    executions = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["run", "step", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "call_id"], name="tool_call_once"),
        ]
        indexes = [
            models.Index(
                fields=["updated_at"], name="tool_call_open", condition=Q(status="suspended")
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.call_id}"

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL
