"""The one table of the app."""

from typing import ClassVar

from django.db import models


class Effect(models.Model):
    """What one execution of a transactional tool wrote."""

    key = models.CharField(max_length=100)

    objects: ClassVar[models.Manager["Effect"]] = models.Manager()

    class Meta:
        app_label = "live_app"

    def __str__(self) -> str:
        return self.key
