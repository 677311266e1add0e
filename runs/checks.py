"""System checks: set-ups that would start, and then lose or hang runs."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_topology(**_: Any) -> list[CheckMessage]:
    """The embedded broker and live channel live in one process: a second one would be deaf."""
    if settings.REDIS_URL or not settings.DATABASE_URL:
        return []
    return [
        Warning(
            "DATABASE_URL is set and REDIS_URL is not: this process runs its agents by itself.",
            hint="Set REDIS_URL to use several web processes or Celery workers on this database.",
            id="runs.W001",
        )
    ]


@register(deploy=True)
def check_processes(**_: Any) -> list[CheckMessage]:
    """gunicorn tells its worker count in the environment (WEB_CONCURRENCY)."""
    from agentserver.core import env

    if settings.REDIS_URL or env.integer("WEB_CONCURRENCY", 1) <= 1:
        return []
    return [
        Error(
            "several web processes share nothing without Redis.",
            hint="Set REDIS_URL, or WEB_CONCURRENCY=1.",
            id="runs.E001",
        )
    ]
