"""When a run's status changed, and what runs have published."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import agentserver.core.exact_json
import agentserver.core.ids
import runs.models.run

BATCH = 500


def fill_status_changed(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Nobody wrote it down: the end of a run that ended, else its last change."""
    runs = apps.get_model("runs", "Run").objects.using(editor.connection.alias)
    rows = runs.only("finished_at", "updated_at").order_by("pk")
    last = ""
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        for row in batch:
            moment = row.finished_at or row.updated_at
            row.status_changed_at = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        runs.bulk_update(batch, ["status_changed_at"])
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]

    operations = [
        migrations.AddField(
            "run",
            "status_changed_at",
            models.DateTimeField(default=runs.models.run.status_moment),
        ),
        migrations.RunPython(fill_status_changed, migrations.RunPython.noop),
        migrations.AddIndex(
            "run", models.Index(fields=["status_changed_at", "id"], name="run_status_changed")
        ),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["agent_id", "status_changed_at", "id"], name="run_agent_status_changed"
            ),
        ),
        migrations.CreateModel(
            "RunArtifact",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("artifact_id", models.CharField(max_length=agentserver.core.ids.MAX_LENGTH)),
                ("name", agentserver.core.exact_json.ExactJSONField(blank=True, null=True)),
                ("description", agentserver.core.exact_json.ExactJSONField(blank=True, null=True)),
                ("parts", agentserver.core.exact_json.ExactJSONField(default=list)),
                ("metadata", agentserver.core.exact_json.ExactJSONField(blank=True, default=dict)),
                ("position", models.IntegerField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="artifacts", to="runs.run"
                    ),
                ),
            ],
            options={
                "ordering": ["run", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "artifact_id"), name="run_artifact_once")
                ],
            },
        ),
    ]
