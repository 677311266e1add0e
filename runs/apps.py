from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: tools of other apps may import models, which are complete only now.
        from runs import checks  # noqa: F401 - registers the system checks
        from runs.tools.registry import autodiscover

        autodiscover()
