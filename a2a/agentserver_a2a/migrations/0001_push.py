import agentserver.core.clock
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PushConfig",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tenant", models.CharField(blank=True, default="", max_length=255)),
                ("config_id", models.CharField(max_length=255)),
                ("url", models.CharField(max_length=2048)),
                ("token", models.TextField(blank=True, default="")),
                ("scheme", models.CharField(blank=True, default="", max_length=64)),
                ("credentials", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("done", "delivered"), ("dead", "given up")],
                        default="active",
                        max_length=6,
                    ),
                ),
                ("position", models.BigIntegerField(default=0)),
                ("part", models.IntegerField(default=0)),
                ("attempts", models.IntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=agentserver.core.clock.now)),
                ("claimed_by", models.CharField(blank=True, default="", max_length=255)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("delivered", models.IntegerField(default=0)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                ("last_status", models.IntegerField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(default=agentserver.core.clock.now)),
                ("updated_at", models.DateTimeField(default=agentserver.core.clock.now)),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="push_configs",
                        to="runs.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "ordering": ["id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "active")),
                        fields=["next_attempt_at"],
                        name="push_config_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "dead")),
                        fields=["id"],
                        name="push_config_dead",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "config_id"), name="push_config_once")
                ],
            },
        ),
    ]
