from django.apps import AppConfig


class A2AConfig(AppConfig):
    name = "agentserver_a2a"
    label = "a2a"
    verbose_name = "Agent2Agent"
    default_auto_field = "django.db.models.BigAutoField"
