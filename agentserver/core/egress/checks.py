"""System checks ``egress.*``."""

from typing import Any

from django.conf import settings
from django.core import checks

from agentserver.core.egress.allowed import parse


@checks.register("egress")
def readable_allow_list(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Entries that look as if they opened much, and open nothing."""
    return [
        checks.Warning(
            f"AGENTSERVER_EGRESS_ALLOW: {text!r} matches no host.",
            hint="Name each host as host or host:port; wildcards and networks do not exist.",
            id="egress.W001",
        )
        for text in settings.AGENTSERVER_EGRESS_ALLOW
        if parse(text) is None
    ]
