"""What is known of the configured MCP servers: their state, what they offer, who looks after them.

Two tables per server, because the state changes every minute and the inventory hardly ever.
"""

from django.db import models

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH


class ServerCatalog(models.Model):
    """The state of one server, as the worker that looks after all of them last saw it.

    `address` marks where the server is (no secrets go into it), `fingerprint` everything that a
    connection depends on, keyed so that it tells nothing about the secrets in it. `restarts` counts
    restarts by hand: connections made before the last one are given up by every process.
    `wanted` asks for a refresh ahead of its time; `next_attempt_at` None means never again by
    itself (`permanently_failed`). `session_generation` counts sessions, `reconnects` those after
    the first. `problems` are tools that cannot be offered, each with its reason.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        CONNECTED = "connected"
        FAILED = "failed"

    server_id = models.CharField(primary_key=True, max_length=MAX_LENGTH)
    address = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    last_error = models.TextField(default="", blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    permanently_failed = models.BooleanField(default=False)
    wanted = models.BooleanField(default=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True, default=now)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_init_at = models.DateTimeField(null=True, blank=True)
    session_generation = models.PositiveIntegerField(default=0)
    reconnects = models.PositiveIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    protocol_version = models.CharField(max_length=16, default="", blank=True)
    inventory_hash = models.CharField(max_length=64, default="", blank=True)
    tool_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["server_id"]
        verbose_name = "MCP connection"

    def __str__(self) -> str:
        return self.server_id

    @property
    def reconnecting(self) -> bool:
        return self.state == self.State.FAILED and not self.permanently_failed


class ServerInventory(models.Model):
    """What a server offers. `tools`: ``{id, name, title, description, inputSchema, …, hash}``,
    where ``id`` is the name that models call; `prompts`, `resources` and `templates` as the server
    lists them."""

    catalog = models.OneToOneField(
        ServerCatalog, primary_key=True, on_delete=models.CASCADE, related_name="inventory"
    )
    hash = models.CharField(max_length=64)
    tools = ExactJSONField(default=list)
    prompts = ExactJSONField(default=list)
    resources = ExactJSONField(default=list)
    templates = ExactJSONField(default=list)
    fetched_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = "MCP inventory"
        verbose_name_plural = "MCP inventories"

    def __str__(self) -> str:
        return str(self.catalog_id)


class DiscoveryLease(models.Model):
    """The one row that says which worker process looks after the servers, and until when."""

    name = models.CharField(primary_key=True, max_length=16, default="discovery")
    holder = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    until = models.DateTimeField(default=now)

    class Meta:
        verbose_name = "MCP discovery lease"

    def __str__(self) -> str:
        return self.holder
