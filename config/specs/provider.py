"""The document of a model provider (docs/native-api.md, Documents)."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from config.adapters import canonical_adapter
from config.specs.base import DocumentId, LenientSpec, OptionalText, Seconds, refuse


def _known(adapter: str) -> str:
    canonical = canonical_adapter(adapter)
    if canonical is None:
        raise refuse(f"unsupported provider adapter: {adapter}")
    return canonical


class ProviderSpec(LenientSpec):
    """How to reach a provider; unknown members are ignored. ``timeout_secs`` per request."""

    id: DocumentId
    adapter: Annotated[str, AfterValidator(_known)]
    api_key: OptionalText = Field(default=None, repr=False, json_schema_extra={"writeOnly": True})
    base_url: OptionalText = None
    timeout_secs: Seconds = 300
    adapter_options: dict[str, Any] = Field(default_factory=dict)
