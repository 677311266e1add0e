import asyncio
import time
from email.utils import formatdate

import pytest

from runs.providers import build_model
from runs.providers.errors import ProviderError, classify, retry_after_seconds
from runs.providers.retry import RetryPolicy, open_stream
from tests.providers.samples import (
    FAST,
    KEY,
    OK,
    PLAIN,
    Handler,
    answer,
    asked,
    choice,
    chunk,
    failing,
    openai,
    run,
    said,
    streaming,
)
from tests.providers.upstream import Exchange, Received, upstream


def outcome(*handlers: Handler, policy: RetryPolicy = FAST) -> tuple[str | None, int]:
    """The answer's text and how many requests it took."""

    async def main() -> tuple[str | None, int]:
        async with upstream(*handlers) as server:
            response, _ = await answer(openai(server.url), policy=policy)
            return response.text, len(server.requests)

    return run(main())


def failure(*handlers: Handler, **more: object) -> tuple[ProviderError, int]:
    """The error of an answer that fails, and how many requests were made."""

    async def main() -> tuple[ProviderError, int]:
        async with upstream(*handlers) as server:
            with pytest.raises(ProviderError) as caught:
                await answer(openai(server.url, **more))
            return caught.value, len(server.requests)

    return run(main())


async def _silence(_: Received, exchange: Exchange) -> None:
    await exchange.client_left.wait()


async def _fall_silent(_: Received, exchange: Exchange) -> None:
    exchange.begin()
    await exchange.events(*said("half"))
    await exchange.client_left.wait()


async def _cut(_: Received, exchange: Exchange) -> None:
    exchange.begin()
    await exchange.send(b": hold on\n\n")
    exchange.cut()


def test_it_waits_as_long_as_a_rate_limit_asks() -> None:
    begun = time.monotonic()

    assert outcome(failing(429, retry_after="0.2"), OK) == ("fine", 2)
    assert time.monotonic() - begun >= 0.2


def test_it_does_not_wait_longer_than_its_cap() -> None:
    policy = RetryPolicy(max_retries=1, backoff_base_ms=1, retry_after_cap_secs=0.01)

    assert outcome(failing(429, retry_after="600"), OK, policy=policy) == ("fine", 2)


def test_it_doubles_its_waits_up_to_the_cap() -> None:
    policy = RetryPolicy()
    error = ProviderError("x", code="server_error")

    assert 0.375 <= policy.delay(0, error) <= 0.5
    assert 1.5 <= policy.delay(2, error) <= 2.0
    assert 6.0 <= policy.delay(9, error) <= 8.0


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(failing(500), id="500"),
        pytest.param(failing(529), id="overloaded"),
        pytest.param(_cut, id="cut before the first event"),
        pytest.param(streaming("{garbage"), id="garbage"),
        pytest.param(streaming({"error": {"message": "busy"}}), id="error object"),
    ],
)
def test_it_tries_again_while_nothing_was_produced(first: Handler) -> None:
    assert outcome(first, first, OK) == ("fine", 3)


def test_it_gives_up_after_its_retries() -> None:
    error, requests = failure(failing(503, "busy"))

    assert (error.code, error.status, error.retryable) == ("overloaded", 503, True)
    assert requests == 3


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (401, "bad key", "auth"),
        (403, "forbidden", "auth"),
        (404, "no such model", "model_not_found"),
        (400, "malformed", "bad_request"),
        (400, "maximum context length is 8192 tokens", "context_overflow"),
        (413, "too large", "context_overflow"),
        (400, "violates our content policy", "content_filter"),
        (400, "API key not valid", "auth"),
    ],
)
def test_it_does_not_repeat_what_cannot_succeed(status: int, message: str, code: str) -> None:
    error, requests = failure(failing(status, message))

    assert (error.code, error.status, error.retryable) == (code, status, False)
    assert requests == 1


def test_it_does_not_repeat_when_the_quota_is_used_up() -> None:
    error, requests = failure(failing(429, "You exceeded your current quota"))

    assert (error.code, error.retryable, requests) == ("rate_limit", False, 1)


def test_it_falls_back_when_the_retries_are_used_up() -> None:
    async def main() -> None:
        async with upstream(failing(500)) as broken, upstream(OK) as healthy:
            response, _ = await answer(
                openai(broken.url), fallbacks=(openai(healthy.url, model="second"),)
            )
            assert (response.text, response.model_name) == ("fine", "second")
            assert (len(broken.requests), len(healthy.requests)) == (3, 1)

    run(main())


def test_it_does_not_fall_back_from_a_permanent_error() -> None:
    async def main() -> None:
        async with upstream(failing(401)) as broken, upstream(OK) as healthy:
            with pytest.raises(ProviderError):
                await answer(openai(broken.url), fallbacks=(openai(healthy.url),))
            assert healthy.requests == []

    run(main())


def test_it_repeats_nothing_once_an_event_was_produced() -> None:
    error, requests = failure(streaming(*said("half")))

    assert (error.code, requests) == ("protocol", 1)


@pytest.mark.parametrize("handler", [_silence, _fall_silent])
def test_it_times_out_on_a_silent_endpoint(handler: Handler) -> None:
    async def main() -> None:
        async with upstream(handler) as server:
            with pytest.raises(ProviderError) as caught:
                await answer(
                    openai(server.url),
                    settings={"timeout": 0.05},
                    policy=RetryPolicy(max_retries=0),
                )
            assert (caught.value.code, caught.value.retryable) == ("timeout", True)

    run(main())


def test_it_reports_an_endpoint_nobody_listens_on() -> None:
    async def main() -> None:
        async with upstream(OK) as server:
            url = server.url
        with pytest.raises(ProviderError) as caught:
            await answer(openai(url))
        assert (caught.value.code, caught.value.retryable) == ("connection", True)

    run(main())


def test_it_closes_the_upstream_connection_when_cancelled() -> None:
    left = asyncio.Event()
    begun = asyncio.Event()

    async def handler(_: Received, exchange: Exchange) -> None:
        exchange.begin()
        await exchange.events(*said("half"))
        begun.set()
        await exchange.client_left.wait()
        left.set()

    async def main() -> None:
        async with upstream(handler) as server:
            task = asyncio.create_task(answer(openai(server.url)))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await left.wait()

    run(main())


def test_it_stops_waiting_for_a_retry_when_cancelled() -> None:
    failed = asyncio.Event()

    async def handler(received: Received, exchange: Exchange) -> None:
        await failing(500)(received, exchange)
        failed.set()

    async def main() -> None:
        async with upstream(handler) as server:
            policy = RetryPolicy(backoff_base_ms=60_000, backoff_cap_ms=60_000)
            task = asyncio.create_task(answer(openai(server.url), policy=policy))
            await failed.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(server.requests) == 1

    run(main())


def test_it_closes_the_upstream_connection_when_left_early() -> None:
    left = asyncio.Event()

    async def handler(_: Received, exchange: Exchange) -> None:
        exchange.begin()
        await exchange.events(*said("a", "b"))
        await exchange.client_left.wait()
        left.set()

    async def main() -> None:
        async with upstream(handler) as server:
            async with open_stream([openai(server.url)], asked(), None, PLAIN) as stream:
                async for _ in stream:
                    break
            await left.wait()

    run(main())


def test_it_ends_quietly_when_the_stream_is_cancelled_from_elsewhere() -> None:
    async def main() -> str:
        async with (
            upstream(_fall_silent) as server,
            open_stream([openai(server.url)], asked(), None, PLAIN) as stream,
        ):
            async for event in stream:
                if event.event_kind == "part_start":
                    await stream.cancel()
            return stream.get().state

    assert run(main()) == "interrupted"


@pytest.mark.parametrize("status", [400, 401, 500])
def test_it_keeps_the_key_out_of_errors(status: int) -> None:
    error, _ = failure(failing(status, f"you sent Bearer {KEY} and sk-abcdef123456"))

    assert KEY not in f"{error!r} {error} {error.message}"
    assert "sk-abcdef" not in str(error)


def test_it_keeps_the_key_out_of_errors_inside_a_stream() -> None:
    error, _ = failure(streaming({"error": {"message": f"key {KEY} is blocked"}}))

    assert KEY not in str(error)


def test_it_refuses_a_header_with_a_line_break() -> None:
    error, requests = failure(OK, api_key=f"{KEY}\r\nx-evil: 1")

    assert requests == 0
    assert KEY not in str(error)


def test_it_asks_for_a_key_before_it_calls_a_public_endpoint() -> None:
    async def main() -> None:
        chosen = choice("deepseek", "https://api.deepseek.com/v1", api_key=None)
        with pytest.raises(ProviderError) as caught:
            await answer(build_model(chosen))
        assert caught.value.code == "auth"
        assert "DEEPSEEK_API_KEY" in str(caught.value)

    run(main())


def test_it_takes_a_document_for_a_broken_stream() -> None:
    async def page(_: Received, exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>", content_type="text/html")

    error, _ = failure(page)

    assert (error.code, error.retryable) == ("protocol", True)


def test_it_uses_a_connection_again() -> None:
    async def main() -> None:
        async with upstream(OK) as server:
            for _ in range(3):
                await answer(openai(server.url))
            assert server.connections == 1

    run(main())


def test_it_replaces_a_kept_connection_the_server_has_dropped() -> None:
    async def last(received: Received, exchange: Exchange) -> None:
        await OK(received, exchange)
        exchange.cut()

    async def main() -> None:
        async with upstream(last) as server:
            for _ in range(3):
                response, _ = await answer(openai(server.url), policy=RetryPolicy(max_retries=0))
                assert response.text == "fine"

    run(main())


def test_it_asks_again_when_a_kept_connection_dies_without_an_answer() -> None:
    async def die(_: Received, exchange: Exchange) -> None:
        exchange.cut()

    async def main() -> None:
        async with upstream(OK, die, OK) as server:
            for _ in range(2):
                response, _ = await answer(openai(server.url), policy=RetryPolicy(max_retries=0))
                assert response.text == "fine"
            assert len(server.requests) == 3

    run(main())


def test_it_ends_promptly_when_the_server_keeps_the_stream_open() -> None:
    async def lingering(_: Received, exchange: Exchange) -> None:
        exchange.begin()
        await exchange.events(*said("fine"), chunk(finish="stop"), "[DONE]")
        await exchange.client_left.wait()

    assert outcome(lingering) == ("fine", 1)


def test_it_reads_retry_after_as_number_and_as_date() -> None:
    assert retry_after_seconds({"retry-after": "7"}) == 7
    assert retry_after_seconds({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    until = retry_after_seconds({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert until is not None
    assert 50 < until <= 60
    assert retry_after_seconds({"retry-after": "soon"}) is None


def test_it_names_only_the_type_of_an_unforeseen_error() -> None:
    error = classify(KeyError("secret"))

    assert (error.code, error.retryable) == ("protocol", False)
    assert "secret" not in str(error)
