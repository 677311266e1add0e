"""Components of ``/health`` beside the database: the broker and the live channel.

A check may hang; the caller gives all of them five seconds together.
"""

from agentserver.core import loops
from agentserver.core.api import health
from runs.events.live import channel

SECONDS = 4


def register() -> None:
    health.register("broker", broker_answers)
    health.register("live_channel", live_channel_answers)


def broker_answers() -> None:
    # Deferred: a process that is never asked for its health needs no broker connection.
    from agentserver.celery import app

    with app.connection_for_write(connect_timeout=SECONDS) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=SECONDS)


def live_channel_answers() -> None:
    loops.run_sync(channel().ping(), SECONDS)
