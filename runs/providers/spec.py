"""What a model choice is made of: plain pydantic data, no SDK behind it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from config.adapters import SCRIPTED_ADAPTER as SCRIPTED
from config.adapters import canonical_adapter as known_adapter

__all__ = [
    "SCRIPTED",
    "ModelChoice",
    "ProviderSettings",
    "UnknownAdapter",
    "canonical_adapter",
]


class UnknownAdapter(ValueError):
    """The name is neither a supported adapter nor one of its aliases."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unsupported provider adapter: {name}")
        self.name = name


def canonical_adapter(name: str) -> str:
    """Lower-case canonical name of an adapter; UnknownAdapter if there is none."""
    canonical = known_adapter(name)
    if canonical is None:
        raise UnknownAdapter(name)
    return canonical


class ProviderSettings(BaseModel):
    """One configured provider account.

    ``adapter_options`` understood by the HTTP adapters: ``headers`` (object of strings),
    ``organization`` and ``project`` (OpenAI), ``extra_body`` (object merged into every request),
    ``allow_env_credentials`` (default true), ``sdk`` (true: use the vendor SDK instead of the lean
    model; openai, anthropic and groq only). The scripted adapter reads ``script`` and ``scripts``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    adapter: str
    api_key: SecretStr | None = None
    base_url: str | None = None
    timeout_secs: int = 300
    adapter_options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("adapter")
    @classmethod
    def _canonical(cls, value: str) -> str:
        return canonical_adapter(value)

    @field_validator("timeout_secs")
    @classmethod
    def _at_least_one_second(cls, value: int) -> int:
        return max(1, value)

    @field_validator("base_url")
    @classmethod
    def _blank_is_none(cls, value: str | None) -> str | None:
        return (value or "").strip().rstrip("/") or None


class ModelChoice(BaseModel):
    """The model an inference goes to: the name the provider knows, and the account."""

    model_config = ConfigDict(frozen=True)

    upstream_model: str
    provider: ProviderSettings
