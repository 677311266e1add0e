from django.apps import AppConfig


class A2AConfig(AppConfig):
    name = "agentserver_a2a"
    label = "a2a"
    verbose_name = "Agent2Agent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: what they import needs the settings and the models of other apps.
        from agentserver.core.api.dialects import speak
        from agentserver.core.egress import checks  # noqa: F401 - registers itself
        from agentserver_a2a import client
        from agentserver_a2a.api.negotiation import rest_dialect
        from agentserver_a2a.push import delivery, rotation
        from agentserver_a2a.section import A2ASection
        from config.namespaces import AGENTS
        from config.reserved import reserve
        from config.rotation import register_secrets
        from config.sections import Plugin, register
        from runs.engine.companions import register_companion

        speak("/v1/a2a/", rest_dialect)
        # Words that stand in the addresses where the id of an agent may stand.
        reserve(AGENTS, ("tasks", "message:send", "message:stream", "extendedAgentCard"))
        register(Plugin("a2a", "a2a", A2ASection, always_on=True))
        register_companion(delivery.NAME, delivery.deliver)
        register_secrets("a2a", rotation.renew_secrets)
        client.register()
