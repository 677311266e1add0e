"""What workers report. Nothing here blocks, raises or touches a database."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Histogram

from agentserver.telemetry.instruments import (
    CLAIM_LATENCY,
    ERRORS,
    FIRST_OUTPUT,
    INFERENCE_DURATION,
    INFERENCE_TOKENS,
    RUN_DURATION,
    RUNS,
    TOOL_CALLS,
    WEBHOOKS,
)
from agentserver.telemetry.labels import BoundedLabel

_model = BoundedLabel()
_error = BoundedLabel()
_TOKEN_TYPES = {
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "cache_read_tokens": "cache_read",
    "cache_creation_tokens": "cache_creation",
    "thinking_tokens": "thinking",
}


def observe_claim(seconds: float) -> None:
    """A job was claimed this long after it became available."""
    CLAIM_LATENCY.observe(max(0.0, seconds))


def observe_first_output(seconds: float) -> None:
    """The first output of a run came this long after the run was created."""
    FIRST_OUTPUT.observe(max(0.0, seconds))


def observe_inference(*, model: str, seconds: float, usage: Mapping[str, int]) -> None:
    """A model call was completed; ``usage`` has the names of the native API."""
    known = _model(model or "unknown")
    _duration(known).observe(seconds)
    for name, count in usage.items():
        kind = _TOKEN_TYPES.get(name)
        if kind and count > 0:
            _tokens(known, kind).inc(count)


def observe_tool_call(outcome: str) -> None:
    TOOL_CALLS.labels(outcome).inc()


def observe_webhook(outcome: str) -> None:
    """An attempt to deliver was made: ``delivered`` or ``failed``."""
    WEBHOOKS.labels(outcome).inc()


def observe_error(kind: str) -> None:
    ERRORS.labels(_error(kind)).inc()


def observe_run_finished(*, outcome: str, seconds: float | None) -> None:
    """A run ended; ``seconds`` since its first claim, None when nobody ever claimed it."""
    RUNS.labels(outcome).inc()
    if seconds is not None:
        RUN_DURATION.observe(max(0.0, seconds))


@cache
def _duration(model: str) -> Histogram:
    return INFERENCE_DURATION.labels(model)


@cache
def _tokens(model: str, kind: str) -> Counter:
    return INFERENCE_TOKENS.labels(model, kind)
