"""How the configuration tries a provider out, and knows that a key is missing."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any

from pydantic import ValidationError

from agentserver.core.loops import run_sync
from agentserver.core.secrets import is_secret_name
from config import provider_test
from config.namespaces import NAMESPACES, PROVIDERS
from config.provider_test import Verdict
from config.specs import ProviderSpec
from runs.providers import SCRIPTED, ModelChoice, ProviderSettings
from runs.providers.adapters import ADAPTERS
from runs.providers.credentials import resolve_credentials
from runs.providers.errors import classify, redact

CAP_SECONDS = 10.0
_GRACE_SECONDS = 2.0


def register() -> None:
    provider_test.register_tester(ask_provider)
    provider_test.register_key_check(missing_key)


def ask_provider(provider: ProviderSpec, upstream_model: str | None) -> Verdict:
    """One short request, `CAP_SECONDS` at most; a scripted provider answers without a network."""
    settings = _settings(provider)
    network = settings.adapter != SCRIPTED
    if network and not upstream_model:
        reason = "no model is stored for this provider: name one in 'upstream_model'"
        return Verdict(ok=False, latency_ms=0, network_tested=False, error=reason)
    # Deferred: loads pydantic-ai, which a process that only serves HTTP can do without.
    from runs.providers.probe import probe

    choice = ModelChoice(upstream_model=upstream_model or "", provider=settings)
    began = time.monotonic()
    error = _failure(probe(choice), tuple(_secrets(provider, settings)))
    latency = round((time.monotonic() - began) * 1000)
    return Verdict(ok=error is None, latency_ms=latency, network_tested=network, error=error)


def missing_key(provider: ProviderSpec) -> str | None:
    """None where no key is needed, or where one stands in the environment or in the headers."""
    settings = _settings(provider)
    adapter = ADAPTERS.get(settings.adapter)
    if adapter is None or not adapter.key_required:
        return None
    if resolve_credentials(settings).api_key is not None or _has_secret_header(provider):
        return None
    variables = " or ".join(adapter.key_variables)
    return f"no api_key is stored, and the environment has no {variables}"


def _failure(probing: Coroutine[Any, Any, None], secrets: tuple[str, ...]) -> str | None:
    try:
        run_sync(_capped(probing), CAP_SECONDS + _GRACE_SECONDS)
    except TimeoutError:
        return f"no answer within {CAP_SECONDS:.0f} seconds"
    except ValidationError as error:
        return f"the provider's options are invalid: {error.error_count()} problems"
    except Exception as error:
        return redact(classify(error, secrets=secrets).message, secrets)
    return None


async def _capped(probing: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(CAP_SECONDS):
        await probing


def _settings(provider: ProviderSpec) -> ProviderSettings:
    known = provider.model_dump(include=set(ProviderSettings.model_fields))
    return ProviderSettings.model_validate(known)


def _secrets(provider: ProviderSpec, settings: ProviderSettings) -> Iterator[str]:
    """What must not appear in an error, longest first: ``Bearer x`` before ``x``."""
    key = resolve_credentials(settings).api_key
    values = [key.get_secret_value()] if key is not None else []
    _, stored = NAMESPACES[PROVIDERS].secret.split(provider.model_dump(mode="json"))
    values += [text for value in stored.values() for text in _texts(value)]
    words = {word for value in values for word in (value, *value.split())}
    yield from sorted(words - {"Bearer", "Basic", "Token"}, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _has_secret_header(provider: ProviderSpec) -> bool:
    headers = provider.adapter_options.get("headers")
    return isinstance(headers, dict) and any(map(is_secret_name, headers))
