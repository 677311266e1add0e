from django.apps import AppConfig


class LiveAppConfig(AppConfig):
    name = "tests.live.app"
    label = "live_app"
    default_auto_field = "django.db.models.BigAutoField"
