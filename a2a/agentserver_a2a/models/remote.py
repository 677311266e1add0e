"""Tasks that our runs began at remote agents."""

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.ids import MAX_LENGTH


class RemoteTask(models.Model):
    """What a step of a run asked of a remote agent, stored as soon as the task has an id there.

    An attempt that follows a crash joins the task instead of sending again, and a cancelled run's
    task can still be cancelled. There is no foreign key to the run: the task must be cancelled also
    when the run was deleted. `step` moves on when an answer continues an interrupted task: `said`
    is what the agent had answered before this step, `heard` what it had when it came to rest. A
    direct message has no `task_id`.
    """

    id = models.BigAutoField(primary_key=True)
    run_id = models.CharField(max_length=MAX_LENGTH)
    step = models.IntegerField()
    thread_id = models.CharField(max_length=MAX_LENGTH)
    agent_id = models.CharField(max_length=MAX_LENGTH)
    config_version = models.BigIntegerField()
    base_url = models.TextField()
    target = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    task_id = models.TextField(default="", blank=True)
    context_id = models.TextField(default="", blank=True)
    # The state's short name as the remote agent last told it: working, input_required, ...
    state = models.CharField(max_length=32)
    said = models.TextField(default="", blank=True)
    heard = models.TextField(default="", blank=True)
    ended = models.BooleanField(default=False)
    cancel_attempts = models.IntegerField(default=0)
    next_cancel_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(default=now)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id", "step"], name="remote_task_once"),
        ]
        indexes = [
            models.Index(fields=["thread_id", "agent_id", "id"], name="remote_task_context"),
            models.Index(
                fields=["next_cancel_at"], name="remote_task_open", condition=Q(ended=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.task_id}"
