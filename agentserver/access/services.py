"""Creating and switching off API keys."""

import secrets
from collections.abc import Iterable
from datetime import timedelta

from agentserver.access.models import ApiKey
from agentserver.access.peppers import digest, peppers
from agentserver.access.principal import SCOPES
from agentserver.core.clock import now
from agentserver.core.errors import BadRequest

PREFIX = "as_"


def create_key(
    *,
    name: str,
    scopes: Iterable[str],
    resource_id: str = "",
    expires_in_days: int | None = None,
) -> tuple[ApiKey, str]:
    """The row and the token ``as_<key>.<secret>``, which cannot be read again later."""
    number, pepper = max(peppers().items())
    secret = secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        key=secrets.token_hex(8),
        digest=digest(secret, pepper),
        pepper=number,
        name=name,
        scopes=_checked(scopes),
        resource_id=resource_id,
        expires_at=None if expires_in_days is None else now() + timedelta(days=expires_in_days),
    )
    return row, f"{PREFIX}{row.key}.{secret}"


def disable_key(*, key: str) -> bool:
    """Whether there was an enabled key. Processes that know the key forget it within a second."""
    return ApiKey.objects.filter(key=key, disabled=False).update(disabled=True) == 1


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes), key=lambda scope: (scope not in SCOPES, scope))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise BadRequest(f"scopes must be some of {', '.join(SCOPES)}: got {', '.join(wanted)}")
    return wanted
