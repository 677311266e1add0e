import agentserver.core.clock
import agentserver.core.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mcp", "0001_catalog")]

    operations = [
        migrations.CreateModel(
            name="McpSession",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=agentserver.core.ids.new_id,
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("owner", models.CharField(max_length=255)),
                ("server", models.CharField(blank=True, default="", max_length=255)),
                ("version", models.CharField(max_length=16)),
                ("client_info", models.JSONField(blank=True, default=dict)),
                ("capabilities", models.JSONField(blank=True, default=dict)),
                ("log_level", models.CharField(blank=True, default="", max_length=16)),
                ("created_at", models.DateTimeField(default=agentserver.core.clock.now)),
                ("last_seen_at", models.DateTimeField(default=agentserver.core.clock.now)),
            ],
            options={
                "verbose_name": "MCP session",
                "ordering": ["-created_at", "id"],
                "indexes": [
                    models.Index(fields=["last_seen_at"], name="mcp_session_seen"),
                    models.Index(fields=["owner", "last_seen_at"], name="mcp_session_owner_seen"),
                ],
            },
        ),
        migrations.CreateModel(
            name="McpQuestion",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=agentserver.core.ids.new_id,
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("answer", models.JSONField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=agentserver.core.clock.now)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="questions",
                        to="mcp.mcpsession",
                    ),
                ),
            ],
            options={"verbose_name": "MCP question"},
        ),
        migrations.CreateModel(
            name="McpCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("request_id", models.CharField(max_length=255)),
                ("run_id", models.CharField(max_length=255)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="mcp.mcpsession",
                    ),
                ),
            ],
            options={
                "verbose_name": "MCP call",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("session", "request_id"), name="mcp_call_unique"
                    )
                ],
            },
        ),
    ]
