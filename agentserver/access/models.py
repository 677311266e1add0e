"""API keys. The secret itself is never stored."""

from django.db import models

from agentserver.core.clock import now
from agentserver.core.ids import MAX_LENGTH


class ApiKey(models.Model):
    """`key` is the public part that finds the row; `digest` is the HMAC of the secret.

    `pepper` numbers the server-side key of that HMAC, so that peppers can be rotated.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=32, unique=True)
    digest = models.CharField(max_length=64)
    pepper = models.PositiveIntegerField()
    name = models.CharField(max_length=MAX_LENGTH)
    scopes = models.JSONField(default=list)
    resource_id = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    disabled = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (as_{self.key})"
