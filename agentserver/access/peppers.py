"""The server-side keys of the HMAC over API key secrets, numbered so that they can be rotated.

AGENTSERVER_KEY_PEPPERS lists them as ``number:text``. New keys use the highest number; a key whose
pepper is gone no longer opens anything. Without the setting, number 0 is derived from SECRET_KEY.
"""

import hashlib
import hmac

from django.conf import settings

MIN_LENGTH = 16


def peppers() -> dict[int, bytes]:
    """Raises ValueError for an entry that is not ``number:text`` with at least 16 characters."""
    configured = settings.AGENTSERVER_KEY_PEPPERS
    if not configured:
        root = settings.SECRET_KEY.encode()
        return {0: hmac.digest(root, b"agentserver.access.pepper", "sha256")}
    return dict(_parse(entry) for entry in configured)


def _parse(entry: str) -> tuple[int, bytes]:
    number, _, text = entry.partition(":")
    if not number.isdecimal() or len(text) < MIN_LENGTH:
        raise ValueError(f"expected number:text with at least {MIN_LENGTH} characters of text")
    return int(number), text.encode()


def digest(secret: str, pepper: bytes) -> str:
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()
