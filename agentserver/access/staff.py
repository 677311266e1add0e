"""What a signed-in member of staff may do over HTTP: no more than in the admin."""

from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from agentserver.access.principal import SCOPES, Principal

_DOCUMENTS: Final = ("agent", "modelbinding", "provider", "mcpserver")
_READ: Final = ("threads.view_thread", "threads.view_message", "runs.view_run")
_RUN: Final = (*_READ, "threads.delete_thread", "runs.change_run", "runs.change_toolcall")
_CONFIG: Final = tuple(
    f"config.{verb}_{kind}" for kind in _DOCUMENTS for verb in ("view", "add", "change", "delete")
)
NEEDED: Final = {"read": _READ, "run": _RUN, "config": _CONFIG}
"""The model permissions that together make a scope; ``admin`` is for superusers."""


def staff_principal(user: AbstractBaseUser | AnonymousUser) -> Principal | None:
    """The caller behind a session; None for everybody who is not active staff."""
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        return None
    return Principal("user", str(user.pk), user.get_username(), _scopes(user))


def _scopes(user: User) -> frozenset[str]:
    if user.is_superuser:
        return frozenset(SCOPES)
    return frozenset(scope for scope, needed in NEEDED.items() if user.has_perms(needed))
