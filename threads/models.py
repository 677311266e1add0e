"""Threads and their messages: the conversation every face reads and writes."""

from django.db import models

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH, new_id
from threads.querysets import MessageQuerySet, ThreadQuerySet


class Thread(models.Model):
    """A conversation. `custom` is the caller's free map, `state` is shared with its agents.

    `message_seq` is the number of the last message that was appended (see `Message.seq`);
    `has_summary` says that a run compacted the conversation.
    """

    id = models.CharField(primary_key=True, max_length=MAX_LENGTH, default=new_id)
    title = models.TextField(null=True, blank=True)  # noqa: DJ001 - null: never set; "" is a title
    custom = models.JSONField(default=dict, blank=True)
    state = ExactJSONField(default=dict, blank=True)
    resource_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    message_seq = models.BigIntegerField(default=0)
    has_summary = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)

    objects = ThreadQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "id"]
        indexes = [
            models.Index(models.F("updated_at").desc(), models.F("id"), name="thread_recent"),
            models.Index(
                models.F("resource_id"),
                models.F("updated_at").desc(),
                models.F("id"),
                name="thread_resource",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.id


class Message(models.Model):
    """One message, appended once and never rewritten except for a placeholder tool result.

    `message_id` is unique in its thread (a client may choose it); `seq` numbers the thread's
    messages in the order they were appended, from 1. `turn` orders them for the model: the place of
    the message's run among the runs that began, null while that run is still queued.
    """

    class Role(models.TextChoices):
        SYSTEM = "system"
        USER = "user"
        ASSISTANT = "assistant"
        TOOL = "tool"

    class Visibility(models.TextChoices):
        ALL = "all"
        INTERNAL = "internal"

    id = models.BigAutoField(primary_key=True)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="messages")
    message_id = models.CharField(max_length=MAX_LENGTH, default=new_id)
    seq = models.BigIntegerField()
    turn = models.BigIntegerField(null=True, blank=True)
    role = models.CharField(max_length=9, choices=Role.choices)
    content = ExactJSONField(default=list)
    tool_calls = ExactJSONField(default=list, blank=True)
    tool_call_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    visibility = models.CharField(max_length=8, choices=Visibility.choices, default=Visibility.ALL)
    # The run row belongs to an app above this one; the id alone is enough down here.
    run_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    step_index = models.IntegerField(null=True, blank=True)
    metadata = ExactJSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["thread", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["thread", "message_id"], name="message_id_once"),
            models.UniqueConstraint(fields=["thread", "seq"], name="message_seq_once"),
        ]
        indexes = [
            models.Index(fields=["thread", "turn", "seq"], name="message_turn"),
            models.Index(fields=["thread", "visibility", "seq"], name="message_visible"),
            models.Index(fields=["run_id", "seq"], name="message_run"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.message_id}"
