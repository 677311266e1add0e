from django.apps import AppConfig

from agentserver.core import sse
from agentserver.telemetry import processes

# Before anything makes a metric, which is why this app stands before django_prometheus.
processes.install()


class TelemetryConfig(AppConfig):
    name = "agentserver.telemetry"
    label = "telemetry"
    verbose_name = "Telemetry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Deferred: the instruments must not exist before `install` chose their storage.
        from agentserver.telemetry import checks, instruments  # noqa: F401 - checks register

        sse.on_open.append(instruments.OPEN_STREAMS.inc)
        sse.on_close.append(instruments.OPEN_STREAMS.dec)
