"""System checks: metrics that nobody would see."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, register

from agentserver.telemetry import processes


@register()
def check_shared_folder(**_: Any) -> list[CheckMessage]:
    """With Redis there are several processes, and /metrics is answered by one of them."""
    if settings.EMBEDDED or processes.shared_folder():
        return []
    return [
        Info(
            "/metrics shows only the web process that answers it.",
            hint="Set PROMETHEUS_MULTIPROC_DIR to an empty folder shared by web and workers.",
            id="telemetry.I001",
        )
    ]
