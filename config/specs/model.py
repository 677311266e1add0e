"""The document that binds a model id to a provider's model (docs/native-api.md)."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from typing_extensions import TypeAliasType

from config.specs.base import DocumentId, Positive, Spec, refuse

# Named, so that schemas refer to one definition.
Modality = TypeAliasType("Modality", Literal["text", "image", "audio", "video", "pdf"])
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_MONTH_OR_DAY = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class Modalities(Spec):
    input: list[Modality] = Field(default_factory=list)
    output: list[Modality] = Field(default_factory=list)


class ModelSpec(Spec):
    """``upstream_model`` is the name sent to the provider. Windows in tokens, prices in USD."""

    model_config = ConfigDict(title="ModelBindingSpec")

    id: DocumentId
    provider_id: str
    upstream_model: str
    context_window: Positive | None = None
    max_output_tokens: Positive | None = None
    modalities: Modalities | None = None
    knowledge_cutoff: str | None = Field(default=None, description="YYYY-MM or YYYY-MM-DD")
    input_token_price_per_million_usd: Price | None = None
    output_token_price_per_million_usd: Price | None = None

    @field_validator("knowledge_cutoff")
    @classmethod
    def _is_in_the_calendar(cls, value: str | None) -> str | None:
        if value is not None and not _is_month_or_day(value):
            raise refuse(f"knowledge_cutoff must be YYYY-MM or YYYY-MM-DD: '{value}'")
        return value

    @model_validator(mode="after")
    def _output_fits_the_window(self) -> Self:
        window, output = self.context_window, self.max_output_tokens
        if window is not None and output is not None and output > window:
            raise refuse(f"max_output_tokens {output} exceeds context_window {window}")
        return self


def _is_month_or_day(value: str) -> bool:
    if not _MONTH_OR_DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value if len(value) == 10 else f"{value}-01")
    except ValueError:
        return False
    return True
