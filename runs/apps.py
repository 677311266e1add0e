from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: tools of other apps may import models, which are complete only now.
        from runs import (
            checks,  # noqa: F401 - registers on import
            health,
            known_tools,
            metrics,
            provider_test,
        )
        from runs.tools.registry import autodiscover

        autodiscover()
        health.register()
        metrics.register()
        known_tools.register()
        provider_test.register()
