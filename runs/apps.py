from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: tools of other apps may import models, which are complete only now.
        from runs import checks, health, metrics  # noqa: F401 - checks register on import
        from runs.tools.registry import autodiscover

        autodiscover()
        health.register()
        metrics.register()
