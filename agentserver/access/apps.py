from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "agentserver.access"
    label = "access"
    verbose_name = "Access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Both register themselves on import.
        from agentserver.access import checks, openapi  # noqa: F401
