"""Stored documents, their history, and the snapshots that runs read."""

from django.db import models
from django.db.models import Q

from agentserver.core.clock import now
from agentserver.core.exact_json import ExactJSONField
from agentserver.core.ids import MAX_LENGTH
from config.querysets import EntryQuerySet


class Entry(models.Model):
    """One document. `spec` never holds a secret: those are in `secrets`, one ciphertext of
    ``{pointer: value}``, and `secret_names` lists the pointers.

    A builtin entry comes from code: `base` is what the code says, `overrides` the top-level members
    that users changed (they survive an upgrade of `base`), and deleting it only hides it.
    `revision` counts changes and never goes back, not even over delete and re-creation.
    """

    class Source(models.TextChoices):
        BUILTIN = "builtin"
        USER = "user"

    id = models.BigAutoField(primary_key=True)
    namespace = models.CharField(max_length=16)
    key = models.CharField(max_length=MAX_LENGTH)
    spec = ExactJSONField()
    secrets = models.TextField(default="", blank=True)
    secret_names = ExactJSONField(default=list, blank=True)
    source = models.CharField(max_length=7, choices=Source.choices, default=Source.USER)
    base = ExactJSONField(null=True, blank=True)
    overrides = ExactJSONField(default=dict, blank=True)
    hidden = models.BooleanField(default=False)
    revision = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)
    updated_by = models.CharField(max_length=MAX_LENGTH, default="", blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["namespace", "key"]
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["namespace", "key"], name="config_entry_once"),
            models.CheckConstraint(
                name="config_entry_revision_positive", condition=Q(revision__gte=1)
            ),
            models.CheckConstraint(
                name="config_entry_base_iff_builtin",
                condition=Q(source="builtin", base__isnull=False)
                | Q(source="user", base__isnull=True, hidden=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.key}"


class EntryRevision(models.Model):
    """What somebody did; rows are only ever added.

    `before` and `after` are redacted, `full` is the ciphertext of the whole document for a restore.
    A publication has an empty namespace and key, and the snapshot's version as its revision.
    """

    class Action(models.TextChoices):
        CREATE = "create"
        UPDATE = "update"
        DELETE = "delete"
        RESTORE = "restore"
        PUBLISH = "publish"

    id = models.BigAutoField(primary_key=True)
    namespace = models.CharField(max_length=16, default="", blank=True)
    key = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    revision = models.BigIntegerField()
    action = models.CharField(max_length=7, choices=Action.choices)
    actor = models.CharField(max_length=MAX_LENGTH, default="", blank=True)
    before = ExactJSONField(null=True, blank=True)
    after = ExactJSONField(null=True, blank=True)
    full = models.TextField(default="", blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "key", "revision"], name="config_revision_once"
            ),
        ]
        indexes = [models.Index(fields=["at"], name="config_revision_at")]

    def __str__(self) -> str:
        return f"{self.action} {self.namespace}/{self.key} {self.revision}"


class Snapshot(models.Model):
    """All visible documents as of one publication, secrets encrypted. Never changed, except that a
    key rotation re-encrypts it. `compiled`: ``{namespace: {key: {"spec", "secrets"}}}``."""

    version = models.BigIntegerField(primary_key=True)
    fingerprint = models.CharField(max_length=64)
    compiled = ExactJSONField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.CheckConstraint(name="config_version_positive", condition=Q(version__gte=1)),
        ]

    def __str__(self) -> str:
        return f"version {self.version}"
