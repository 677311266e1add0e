"""At most so many requests a minute for each caller (setting AGENTSERVER_RATE_LIMIT).

Fixed windows of one minute: a counter costs one number in this process, or one round trip to Redis
where there is one, and a caller may at worst get two limits' worth around the turn of a minute.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import redis
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentserver.access import keys
from agentserver.access.identity import presented_token
from agentserver.core.api.dialects import tell
from agentserver.core.api.errors import native_error
from agentserver.core.api.middleware import HTML_PATHS
from agentserver.core.errors import ApiError

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# Probes of orchestrators come at their own pace, and pages for people load many files.
EXEMPT = ("/health", *HTML_PATHS)
# A Redis that hangs may cost a request this long, once, and then nothing for a while.
REDIS_SECONDS = 0.25
REDIS_PAUSE_SECONDS = 5.0


class TooManyRequests(ApiError):
    status = 429
    code = "rate_limited"


class Counter(Protocol):
    def add(self, caller: str, window: int) -> int:
        """Counts one request; how many ``caller`` has made in ``window`` with it."""


class LocalCounter:
    """For a server that is one process. Forgets everybody when a new window begins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = -1
        self._counts: dict[str, int] = {}

    def add(self, caller: str, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[caller] = count = self._counts.get(caller, 0) + 1
            return count


class RedisCounter:
    """For several processes. While Redis does not answer nobody is limited: availability first."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
        self._silent_until = 0.0

    def add(self, caller: str, window: int) -> int:
        if time.monotonic() < self._silent_until:
            return 0
        key = f"agentserver:rate:{window}:{caller}"
        try:
            with self._client.pipeline(transaction=False) as commands:
                commands.incr(key)
                commands.expire(key, 2 * WINDOW_SECONDS)
                return int(commands.execute()[0])
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + REDIS_PAUSE_SECONDS
            logger.warning("rate limit: Redis failed, not limiting: %s", type(error).__name__)
            return 0


class RateLimit:
    """Goes behind what answers files and preflight requests, before anything that costs more."""

    async_capable = False
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.limit: int = settings.AGENTSERVER_RATE_LIMIT
        if not self.limit:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.counter: Counter = (
            RedisCounter(settings.REDIS_URL) if settings.REDIS_URL else LocalCounter()
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(EXEMPT):
            return self.get_response(request)
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        if self.counter.add(caller_of(request), window) <= self.limit:
            return self.get_response(request)
        return _refusal(request, wait=int((window + 1) * WINDOW_SECONDS - now) + 1)


def caller_of(request: HttpRequest) -> str:
    """A valid key by its public part; all others, whatever they claim, by their address."""
    token = presented_token(request)
    principal = keys.verify(token) if keys.is_key(token) else None
    return f"key:{principal.id}" if principal else f"address:{_address(request)}"


def _address(request: HttpRequest) -> str:
    """That of the peer; behind a trusted proxy the one which the proxy itself has added."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUST_PROXY else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _refusal(request: HttpRequest, *, wait: int) -> HttpResponseBase:
    error = TooManyRequests("too many requests: wait a moment", headers={"Retry-After": str(wait)})
    return tell(error, request, otherwise=native_error)
