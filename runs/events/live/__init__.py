"""The live channel: what runs publish while they run, for viewers in this or another process.

Nothing here is durable. The log in the database is the truth; the channel makes it fast.
"""

import os
import threading

from django.conf import settings

from agentserver.core.loops import run_sync
from runs.events.live.base import (
    CHANGES,
    LiveBatch,
    LiveChannel,
    Subscription,
    run_topic,
    thread_topic,
)

__all__ = [
    "CHANGES",
    "LiveBatch",
    "LiveChannel",
    "Subscription",
    "channel",
    "reset",
    "run_topic",
    "thread_topic",
]

CLOSE_SECONDS = 5.0


class _Current:
    """The channel of this process, made on first use: Redis when there is one, else memory."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """After a fork: the parent's connections are not ours, and its lock may be held."""
        self.lock = threading.Lock()
        self.channel: LiveChannel | None = None

    def get(self) -> LiveChannel:
        if self.channel is None:
            with self.lock:
                if self.channel is None:
                    self.channel = _make()
        return self.channel

    def replace(self, channel: LiveChannel | None) -> LiveChannel | None:
        with self.lock:
            previous, self.channel = self.channel, channel
        return previous


def _make() -> LiveChannel:
    if settings.REDIS_URL:
        from runs.events.live.redis import RedisChannel

        return RedisChannel(settings.REDIS_URL)
    from runs.events.live.memory import MemoryChannel

    return MemoryChannel()


_current = _Current()
os.register_at_fork(after_in_child=_current.forget)


def channel() -> LiveChannel:
    """The live channel of this process."""
    return _current.get()


def reset(replacement: LiveChannel | None = None) -> None:
    """Close the channel of this process and start over (with `replacement`, else from settings)."""
    previous = _current.replace(replacement)
    if previous is not None:
        run_sync(previous.close(), CLOSE_SECONDS)
