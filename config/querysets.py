"""Chainable filters over entries."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from config.models import Entry


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible(self) -> "EntryQuerySet":
        """Without builtin entries that a user deleted."""
        return self.filter(hidden=False)

    def of_namespace(self, namespace: str) -> "EntryQuerySet":
        return self.filter(namespace=namespace)

    def find(self, namespace: str, key: str) -> "Entry | None":
        return self.filter(namespace=namespace, key=key).first()
