"""Trying a provider out. Who can talk to providers registers how: this app cannot."""

from collections.abc import Callable
from dataclasses import dataclass

from agentserver.core.database import release_database
from agentserver.core.errors import Unavailable
from config.models import Entry
from config.namespaces import MODELS, NAMESPACES, PROVIDERS
from config.selectors import get_entry
from config.specs import ProviderSpec
from config.store import stored_secrets


@dataclass(frozen=True, slots=True)
class Verdict:
    """``error`` is safe to show; ``network_tested`` tells whether a request left this server."""

    ok: bool
    latency_ms: int
    network_tested: bool
    error: str | None = None


Tester = Callable[[ProviderSpec, str | None], Verdict]
KeyCheck = Callable[[ProviderSpec], str | None]

_testers: list[Tester] = []
_key_checks: list[KeyCheck] = []


def register_tester(tester: Tester) -> None:
    """``tester(provider with its secrets, upstream model or None)``; the last one counts."""
    _testers.append(tester)


def register_key_check(check: KeyCheck) -> None:
    """``check(provider without a stored key)``: what is missing, None when nothing is."""
    _key_checks.append(check)


def try_provider(provider_id: str, *, upstream_model: str | None = None) -> Verdict:
    """Ask a stored provider for a short answer, of a model that is stored for it unless told.

    Raises `NotFound` for an unknown provider and `SecretUnreadableError`. Blocks for seconds, so
    the thread's database connection is given back first.
    """
    entry = get_entry(PROVIDERS, provider_id)
    space = NAMESPACES[PROVIDERS]
    full = space.secret.join(entry.spec, stored_secrets(entry))
    upstream_model = upstream_model or _some_model_of(provider_id)
    if not _testers:
        raise Unavailable("providers cannot be tested here")
    release_database()
    return _testers[-1](ProviderSpec.model_validate(full), upstream_model)


def missing_key(provider: ProviderSpec) -> str | None:
    """What a provider without a stored key lacks, None when it can do without."""
    return _key_checks[-1](provider) if _key_checks else None


def _some_model_of(provider_id: str) -> str | None:
    rows = Entry.objects.visible().of_namespace(MODELS).order_by("key")
    names = (row.spec["upstream_model"] for row in rows if row.spec["provider_id"] == provider_id)
    return next(names, None)
