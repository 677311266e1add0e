"""Runs, their queue, their tool calls and their event log."""

from runs.models.artifact import RunArtifact
from runs.models.events import RunEvents
from runs.models.mailbox import IdempotencyKey, Job, Lane
from runs.models.run import Run, RunInput
from runs.models.tool_call import ToolCall

__all__ = [
    "IdempotencyKey",
    "Job",
    "Lane",
    "Run",
    "RunArtifact",
    "RunEvents",
    "RunInput",
    "ToolCall",
]
