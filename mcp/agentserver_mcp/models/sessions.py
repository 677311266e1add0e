"""Sessions of MCP clients of the handshake era, where every process of the server sees them."""

from django.db import models

from agentserver.core.clock import now
from agentserver.core.ids import MAX_LENGTH, new_id


class McpSession(models.Model):
    """What `initialize` agreed upon; found again by the header ``Mcp-Session-Id``.

    `owner` is the caller it belongs to (``key:…``, ``user:…`` or ``anonymous:``): for anybody else
    it does not exist. `server` is the catalogue that is served in it. `log_level` is the least
    severe level the client wants to see; "" means all of them.
    """

    id = models.CharField(primary_key=True, max_length=64, default=new_id)
    owner = models.CharField(max_length=MAX_LENGTH)
    server = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    version = models.CharField(max_length=16)
    client_info = models.JSONField(default=dict, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    log_level = models.CharField(max_length=16, default="", blank=True)
    created_at = models.DateTimeField(default=now)
    last_seen_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-created_at", "id"]
        verbose_name = "MCP session"
        indexes = [
            models.Index(fields=["last_seen_at"], name="mcp_session_seen"),
            models.Index(fields=["owner", "last_seen_at"], name="mcp_session_owner_seen"),
        ]

    def __str__(self) -> str:
        return self.id


class McpCall(models.Model):
    """A request under way in a session and the run that answers it, so that it can be cancelled.

    `request_id` is the JSON text of the client's id: 1 and "1" are two requests.
    """

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(McpSession, on_delete=models.CASCADE, related_name="calls")
    request_id = models.CharField(max_length=MAX_LENGTH)
    run_id = models.CharField(max_length=MAX_LENGTH)

    class Meta:
        verbose_name = "MCP call"
        constraints = [
            models.UniqueConstraint(fields=["session", "request_id"], name="mcp_call_unique")
        ]

    def __str__(self) -> str:
        return f"{self.request_id} of {self.session_id}"


class McpQuestion(models.Model):
    """A request of the server to the client, whose answer may arrive in any process.

    `answer` is the client's JSON-RPC response, None while there is none.
    """

    id = models.CharField(primary_key=True, max_length=64, default=new_id)
    session = models.ForeignKey(McpSession, on_delete=models.CASCADE, related_name="questions")
    answer = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = "MCP question"

    def __str__(self) -> str:
        return self.id
