"""Models behind one interface: settings in, a pydantic-ai ``Model`` out.

Importing this package imports neither pydantic-ai nor a vendor SDK; the module of an adapter is
imported when its first model is built. Each module offers ``build(choice, *, http_client)``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from runs.providers.spec import SCRIPTED, ModelChoice, ProviderSettings

if TYPE_CHECKING:
    from typing import Protocol

    import httpx
    from pydantic_ai.models import Model

    class AdapterModule(Protocol):
        def build(self, choice: ModelChoice, *, http_client: httpx.AsyncClient | None) -> Model: ...


__all__ = [
    "SCRIPTED",
    "ModelChoice",
    "ProviderSettings",
    "build_model",
    "close_clients",
]

_OPENAI_COMPATIBLE: Final = (
    "openai",
    "deepseek",
    "together",
    "fireworks",
    "groq",
    "xai",
    "zai",
    "bigmodel",
    "aliyun",
    "mimo",
    "nebius",
    "ollama",
)

_MODULES: Final[dict[str, str]] = {
    **dict.fromkeys(_OPENAI_COMPATIBLE, "runs.providers.lean_openai"),
    "anthropic": "runs.providers.lean_anthropic",
    "openai_resp": "runs.providers.sdk_openai_responses",
    "gemini": "runs.providers.sdk_gemini",
    "cohere": "runs.providers.sdk_cohere",
    SCRIPTED: "runs.providers.scripted",
}

_SDK_MODULES: Final[dict[str, str]] = {
    "openai": "runs.providers.sdk_openai",
    "anthropic": "runs.providers.sdk_anthropic",
    "groq": "runs.providers.sdk_groq",
}


def module_of(provider: ProviderSettings) -> str:
    """Dotted path of the module that builds models of this provider."""
    if provider.adapter_options.get("sdk") is True:
        return _SDK_MODULES.get(provider.adapter, _MODULES[provider.adapter])
    return _MODULES[provider.adapter]


def build_model(choice: ModelChoice, *, http_client: httpx.AsyncClient | None = None) -> Model:
    """A model for one choice; cheap enough to build per run.

    ``http_client`` replaces the event loop's shared client (adapters over httpx only). A missing
    key is reported by the first request of a lean model, and here by an SDK-backed one, both as
    ProviderError ``auth``. Invalid scripts raise pydantic's ValidationError.
    """
    module = cast("AdapterModule", import_module(module_of(choice.provider)))
    return module.build(choice, http_client=http_client)


async def close_clients() -> None:
    """Close the HTTP clients of the running event loop; a worker does so before its loop ends."""
    for module in ("client", "sdk"):
        # A module nobody imported has opened nothing.
        if loaded := sys.modules.get(f"{__name__}.{module}"):
            await loaded.clients.close()
