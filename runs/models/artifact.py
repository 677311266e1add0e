"""What a run has published: its artifacts as they stand after the last commit."""

from django.db import models

from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH
from runs.models.run import Run


class RunArtifact(models.Model):
    """A named result of a run, folded from its ``artifact_updated`` events.

    `parts` are content blocks and ``data`` blocks. `position` numbers the artifacts of a run from
    0 in the order in which they were first published.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifacts")
    artifact_id = models.CharField(max_length=MAX_LENGTH)
    # Texts of whoever published it: any characters.
    name = ExactJSONField(null=True, blank=True)
    description = ExactJSONField(null=True, blank=True)
    parts = ExactJSONField(default=list)
    metadata = ExactJSONField(default=dict, blank=True)
    position = models.IntegerField()

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "artifact_id"], name="run_artifact_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.artifact_id}"
