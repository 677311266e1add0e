import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.usage import RequestUsage

from config.adapters import SUPPORTED_ADAPTERS
from runs.providers import ProviderSettings, build_model
from runs.providers.adapters import ADAPTERS
from runs.providers.credentials import credentials_from_environment, resolve_credentials
from runs.providers.errors import ProviderError
from runs.providers.pricing import ModelPrices, cost_usd
from runs.providers.retry import RetryPolicy
from runs.providers.spec import UnknownAdapter, canonical_adapter
from tests.providers.samples import KEY, answer, choice, failing, run
from tests.providers.upstream import upstream

ROOT = Path(__file__).parents[2]
USAGE = RequestUsage(input_tokens=1_000_000, output_tokens=500_000)


def test_it_loads_no_sdk_before_a_model_is_built() -> None:
    program = (
        "import sys, runs.providers, runs.providers.errors, runs.providers.pricing\n"
        "heavy = {'pydantic_ai', 'openai', 'anthropic', 'google.genai', 'httpx', 'genai_prices'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
        "provider = runs.providers.ProviderSettings(id='p', adapter='openai')\n"
        "choice = runs.providers.ModelChoice(upstream_model='m', provider=provider)\n"
        "runs.providers.build_model(choice)\n"
        "assert not {'openai', 'anthropic', 'google.genai'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("OpenAI", "openai"),
        ("openai-resp", "openai_resp"),
        ("Responses", "openai_resp"),
        ("scripted", "scripted"),
    ],
)
def test_it_knows_adapters_by_any_of_their_names(name: str, canonical: str) -> None:
    assert canonical_adapter(name) == canonical


def test_it_refuses_an_unknown_adapter() -> None:
    with pytest.raises(UnknownAdapter, match="unsupported provider adapter: foo"):
        canonical_adapter("foo")


def test_it_has_an_entry_for_every_adapter_it_advertises() -> None:
    assert set(ADAPTERS) == set(SUPPORTED_ADAPTERS)


@pytest.mark.parametrize("adapter", SUPPORTED_ADAPTERS)
def test_it_builds_a_model_for_every_adapter_it_advertises(adapter: str) -> None:
    async def main() -> str:
        return build_model(choice(adapter, "http://127.0.0.1:1/v1", model="a-model")).model_name

    assert run(main()) == "a-model"


SDK_BACKED = [
    ("openai", {"sdk": True}),
    ("anthropic", {"sdk": True}),
    ("groq", {"sdk": True}),
    ("openai_resp", {}),
    ("gemini", {}),
    ("cohere", {}),
]


@pytest.mark.parametrize(("adapter", "options"), SDK_BACKED)
@pytest.mark.parametrize(("status", "code"), [(401, "auth"), (500, "server_error")])
def test_it_leaves_retries_of_sdks_to_us_and_cleans_their_errors(
    adapter: str, options: dict[str, Any], status: int, code: str
) -> None:
    async def main() -> None:
        async with upstream(failing(status, f"the key {KEY} is bad")) as server:
            chosen = choice(adapter, server.url, adapter_options=options)
            with pytest.raises(ProviderError) as caught:
                await answer(build_model(chosen), policy=RetryPolicy(max_retries=0))
            assert (caught.value.code, caught.value.status) == (code, status)
            assert KEY not in str(caught.value)
            assert len(server.requests) == 1

    run(main())


def test_it_asks_for_the_key_of_an_sdk_when_it_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(ProviderError) as caught:
        build_model(choice("gemini", "http://127.0.0.1:1", api_key=None))

    assert caught.value.code == "auth"


def test_it_finds_credentials_in_the_environment() -> None:
    environment = {"GOOGLE_API_KEY": "k", "GEMINI_BASE_URL": "http://g.example/"}
    found = credentials_from_environment("gemini", environment=environment)

    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "k"
    assert found.base_url == "http://g.example"
    assert "SecretStr('**********')" in repr(found)


def test_it_prefers_stored_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://environment.example")
    chosen = choice("openai", "http://stored.example/v1/")
    found = resolve_credentials(chosen.provider)

    assert found.api_key is not None
    assert found.api_key.get_secret_value() == KEY
    assert found.base_url == "http://stored.example/v1"


def test_it_keeps_the_environment_out_where_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    options = {"allow_env_credentials": False}
    provider = ProviderSettings(id="p", adapter="openai", adapter_options=options)

    assert resolve_credentials(provider).api_key is None


def test_it_raises_a_timeout_below_a_second_to_one() -> None:
    assert ProviderSettings(id="p", adapter="openai", timeout_secs=0).timeout_secs == 1


def test_it_charges_configured_prices() -> None:
    prices = ModelPrices(
        input_token_price_per_million_usd=Decimal("0.15"),
        output_token_price_per_million_usd=Decimal("0.60"),
    )

    assert cost_usd(
        usage=USAGE, adapter="openai", upstream_model="gpt-4o-mini", prices=prices
    ) == Decimal("0.45")


def test_it_looks_prices_up() -> None:
    cost = cost_usd(usage=USAGE, adapter="openai_resp", upstream_model="gpt-4o-mini")

    assert cost is not None
    assert cost > 0


@pytest.mark.parametrize("adapter", ["ollama", "scripted", "openai"])
def test_it_does_not_guess_a_price(adapter: str) -> None:
    assert cost_usd(usage=USAGE, adapter=adapter, upstream_model="home-made") is None
