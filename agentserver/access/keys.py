"""From a presented token to a `Principal`, at the price of one row read a second and process."""

import hashlib
import hmac
import threading
import time
from datetime import timedelta

from django.db.models import Q

from agentserver.access.models import ApiKey
from agentserver.access.peppers import digest, peppers
from agentserver.access.principal import Principal
from agentserver.access.services import PREFIX
from agentserver.core.clock import now

# How long a disabled or deleted key may go on working in a process that has just seen it.
TTL_SECONDS = 1.0
USED_EVERY = timedelta(minutes=1)
_MOST_KEYS = 4096


class VerifiedKeys:
    """Tokens found good within the last second, by the digest of the whole token."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    def get(self, token: str) -> Principal | None:
        until, principal = self._found.get(_fingerprint(token), (0.0, None))
        return principal if until > time.monotonic() else None

    def put(self, token: str, principal: Principal) -> None:
        with self._lock:
            if len(self._found) >= _MOST_KEYS:
                self._found.clear()
            self._found[_fingerprint(token)] = (time.monotonic() + TTL_SECONDS, principal)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


verified = VerifiedKeys()


def is_key(token: str) -> bool:
    return token.startswith(PREFIX)


def verify(token: str) -> Principal | None:
    """The holder of ``as_<key>.<secret>``; None when it is wrong, expired or disabled."""
    known = verified.get(token)
    if known is not None:
        return known
    public, _, secret = token.removeprefix(PREFIX).partition(".")
    row = _row(public)
    if row is None or not _opens(row, secret):
        return None
    principal = _principal(row)
    verified.put(token, principal)
    _note_use(row)
    return principal


def _row(public: str) -> ApiKey | None:
    if not (public.isascii() and public.isalnum()):
        return None
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now())
    return ApiKey.objects.filter(unexpired, key=public, disabled=False).first()


def _opens(row: ApiKey, secret: str) -> bool:
    pepper = peppers().get(row.pepper)
    return pepper is not None and hmac.compare_digest(digest(secret, pepper), row.digest)


def _principal(row: ApiKey) -> Principal:
    return Principal("key", row.key, row.name, frozenset(row.scopes), row.resource_id or None)


def _note_use(row: ApiKey) -> None:
    """At most one write a minute and key, however many processes see it."""
    stale = now() - USED_EVERY
    if row.last_used_at is None or row.last_used_at < stale:
        ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=row.pk).update(
            last_used_at=now()
        )


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
