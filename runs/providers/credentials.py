"""Where the key and the address of a provider come from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from runs.providers.adapters import ADAPTERS
from runs.providers.spec import ProviderSettings, canonical_adapter


@dataclass(frozen=True)
class Credentials:
    """A key and an address; either may be absent."""

    api_key: SecretStr | None = None
    base_url: str | None = None


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    return next((value for name in names if (value := _value(name, environment))), None)


def _value(name: str, environment: Mapping[str, str]) -> str:
    """``NAME``, else the content of the file that ``NAME_FILE`` names."""
    file = environment.get(f"{name}_FILE")
    if name in environment or not file:
        return environment.get(name, "").strip()
    return Path(file).read_text(encoding="utf-8").strip()


def credentials_from_environment(
    adapter: str, *, environment: Mapping[str, str] | None = None
) -> Credentials:
    """Key and base URL of an adapter from its environment variables (``OPENAI_API_KEY``, ...).

    Unknown adapter: UnknownAdapter. The scripted adapter has neither.
    """
    entry = ADAPTERS.get(canonical_adapter(adapter))
    if entry is None:
        return Credentials()
    source = os.environ if environment is None else environment
    key = _first(entry.key_variables, source)
    url = _first(entry.base_url_variables, source)
    return Credentials(
        api_key=SecretStr(key) if key else None, base_url=url.rstrip("/") if url else None
    )


def resolve_credentials(provider: ProviderSettings) -> Credentials:
    """What the provider's requests use: stored values first, then the environment, then defaults.

    ``adapter_options.allow_env_credentials: false`` keeps the process's own key from travelling to
    an address somebody configured.
    """
    found = Credentials()
    if provider.adapter_options.get("allow_env_credentials", True):
        found = credentials_from_environment(provider.adapter)
    entry = ADAPTERS.get(provider.adapter)
    return Credentials(
        api_key=provider.api_key or found.api_key,
        base_url=provider.base_url or found.base_url or (entry.base_url if entry else None),
    )
