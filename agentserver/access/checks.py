"""System checks ``access.*``."""

from typing import Any

from django.conf import settings
from django.core import checks

from agentserver.access.peppers import peppers

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", ".localhost", "testserver"}


@checks.register("access")
def open_access(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    if settings.AGENTSERVER_REQUIRE_KEYS or settings.DEBUG:
        return []
    if settings.ALLOWED_HOSTS and set(settings.ALLOWED_HOSTS) <= LOOPBACK:
        return []
    return [
        checks.Warning(
            "Anyone who reaches this server may use it: AGENTSERVER_REQUIRE_KEYS is off.",
            hint="Set AGENTSERVER_REQUIRE_KEYS=1 and hand out keys (manage.py create_api_key).",
            id="access.W001",
        )
    ]


@checks.register("access")
def usable_peppers(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    try:
        peppers()
    except ValueError as error:
        return [
            checks.Error(
                f"AGENTSERVER_KEY_PEPPERS cannot be read: {error}.",
                hint='A comma-separated list such as "1:some-long-random-text".',
                id="access.E001",
            )
        ]
    return []
