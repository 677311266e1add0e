"""What an inference cost, in US dollars."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic_ai.usage import RequestUsage

_MILLION: Final = Decimal(1_000_000)

_PRICE_PROVIDERS: Final = {
    "gemini": "google",
    "openai_resp": "openai",
    "xai": "x-ai",
    "bigmodel": "zhipuai",
}
"""Adapters whose name in the price tables differs from ours."""


class ModelPrices(BaseModel):
    """Prices of a model as its configuration states them, per million tokens."""

    model_config = ConfigDict(frozen=True)

    input_token_price_per_million_usd: Decimal | None = None
    output_token_price_per_million_usd: Decimal | None = None

    @property
    def known(self) -> bool:
        return (
            self.input_token_price_per_million_usd is not None
            or self.output_token_price_per_million_usd is not None
        )


def cost_usd(
    *, usage: RequestUsage, adapter: str, upstream_model: str, prices: ModelPrices | None = None
) -> Decimal | None:
    """Cost of one inference.

    Configured prices win, a missing half of them counting as free; else public price tables are
    consulted. None when nobody knows the model's price.
    """
    if prices is not None and prices.known:
        return _priced(usage, prices)
    return _looked_up(usage, adapter, upstream_model)


def _priced(usage: RequestUsage, prices: ModelPrices) -> Decimal:
    paid_in = usage.input_tokens * (prices.input_token_price_per_million_usd or Decimal(0))
    paid_out = usage.output_tokens * (prices.output_token_price_per_million_usd or Decimal(0))
    return (paid_in + paid_out) / _MILLION


def _looked_up(usage: RequestUsage, adapter: str, upstream_model: str) -> Decimal | None:
    # Deferred: the tables are large, and configured prices make them unnecessary.
    from genai_prices import Usage, calc_price

    counted = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    provider = _PRICE_PROVIDERS.get(adapter, adapter)
    try:
        return calc_price(counted, upstream_model, provider_id=provider).total_price
    except LookupError:
        return None
