"""Chainable filters over threads and messages."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from threads.models import Message, Thread  # noqa: F401 - the querysets' row types


class ThreadQuerySet(models.QuerySet["Thread"]):
    def of_resource(self, resource_id: str) -> "ThreadQuerySet":
        return self.filter(resource_id=resource_id)

    def roots(self) -> "ThreadQuerySet":
        return self.filter(parent__isnull=True)


class MessageQuerySet(models.QuerySet["Message"]):
    def external(self) -> "MessageQuerySet":
        return self.filter(visibility="all")

    def internal(self) -> "MessageQuerySet":
        return self.filter(visibility="internal")

    def until_turn(self, turn: int | models.expressions.RawSQL) -> "MessageQuerySet":
        """What a run at place ``turn`` may read, in the order the model reads it.

        Messages that joined a running run carry the step that first saw them and sort before that
        step's own messages, although they were appended earlier.
        """
        step = models.F("step_index").asc(nulls_first=True)
        return self.filter(turn__lte=turn).order_by("turn", step, "seq")
