"""Secrets at rest and on the way out: encryption, key rotation, redaction, comparison.

Keys come from ``AGENTSERVER_SECRET_KEYS`` (any text, newest first), then ``SECRET_KEY`` and its
fallbacks, so that setting the first does not make what was written before unreadable. The first key
writes, all of them read; `reencrypt` moves a value to the first.
"""

import base64
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from agentserver.core.errors import ApiError

REDACTED = "[redacted]"
_PURPOSE = b"agentserver secrets at rest"
_SECRET_NAMES = ("key", "token", "secret", "password", "authorization", "cookie")


class SecretUnreadableError(ApiError):
    """A stored secret was written with a key that is no longer configured, or was tampered with."""

    code = "secret_unreadable"

    def __init__(self) -> None:
        super().__init__(
            "a stored secret cannot be decrypted: the key it was written with is not among "
            "AGENTSERVER_SECRET_KEYS and SECRET_KEY"
        )


def encrypt(text: str) -> str:
    """Printable ciphertext of ``text``; two calls give two different ciphertexts."""
    return _box().encrypt(text.encode()).decode()


def decrypt(ciphertext: str) -> str:
    """What was given to `encrypt`. Raises `SecretUnreadableError`."""
    try:
        return _box().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError from None


def reencrypt(ciphertext: str) -> str:
    """The same secret under the newest key. Raises `SecretUnreadableError`."""
    try:
        return _box().rotate(ciphertext.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError from None


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


def is_secret_name(name: str) -> bool:
    """Whether a member of this name holds a secret by the look of it (docs/native-api.md)."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_NAMES)


def is_secret_member(name: str, value: object) -> bool:
    """`is_secret_name`, except for values that cannot be one: flags, null, counts of tokens."""
    if value is None or isinstance(value, bool) or not is_secret_name(name):
        return False
    return not (isinstance(value, int | float) and name.lower().endswith("tokens"))


def _box() -> MultiFernet:
    texts = (*settings.AGENTSERVER_SECRET_KEYS, settings.SECRET_KEY)
    return _box_of((*texts, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _box_of(texts: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive(text)) for text in texts])


def _derive(text: str) -> bytes:
    # Fernet wants exactly 32 bytes; deriving them lets an operator configure any text.
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(kdf.derive(text.encode()))
