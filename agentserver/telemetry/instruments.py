"""Every metric this server keeps, by name. Durations are in seconds.

What can be counted when somebody asks (queue depth, open runs) is no instrument: see `collectors`.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_PREFIX: Final = "agentserver"
_WAITS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ANSWERS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORK: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

# --- runs ----------------------------------------------------------------------------------------
RUNS: Final = Counter(
    "runs", "Runs that ended, by the type of their termination.", ["outcome"], namespace=_PREFIX
)
RUN_DURATION: Final = Histogram(
    "run_duration_seconds",
    "From the first claim of a run to its end, waiting for people included.",
    namespace=_PREFIX,
    buckets=_WORK,
)
CLAIM_LATENCY: Final = Histogram(
    "claim_latency_seconds",
    "From the moment a job may be claimed to its claim.",
    namespace=_PREFIX,
    buckets=_WAITS,
)
FIRST_OUTPUT: Final = Histogram(
    "time_to_first_token_seconds",
    "From the creation of a run to the first output of its first model call.",
    namespace=_PREFIX,
    buckets=_WAITS,
)
ERRORS: Final = Counter(
    "errors", "Failed model calls and failed runs, by class.", ["class"], namespace=_PREFIX
)
TOOL_CALLS: Final = Counter(
    "tool_calls",
    "Tool calls by outcome; a suspended call is counted again when it ends.",
    ["outcome"],
    namespace=_PREFIX,
)

# --- models --------------------------------------------------------------------------------------
INFERENCE_DURATION: Final = Histogram(
    "inference_duration_seconds",
    "Completed model calls, from the request to the end of the stream.",
    ["model"],
    namespace=_PREFIX,
    buckets=_WORK,
)
INFERENCE_TOKENS: Final = Counter(
    "inference_tokens",
    "Tokens as the models reported them; cached and thinking tokens are part of the others.",
    ["model", "type"],
    namespace=_PREFIX,
)

# --- webhooks ------------------------------------------------------------------------------------
WEBHOOKS: Final = Counter(
    "webhook_deliveries",
    "Attempts to deliver a notification to a webhook, by outcome.",
    ["outcome"],
    namespace=_PREFIX,
)

# --- HTTP ----------------------------------------------------------------------------------------
HTTP_REQUESTS: Final = Counter(
    "http_requests", "Answered requests.", ["method", "route", "status"], namespace=_PREFIX
)
HTTP_DURATION: Final = Histogram(
    "http_request_duration_seconds",
    "Until the response is ready to be sent; a stream has then just begun.",
    ["method", "route"],
    namespace=_PREFIX,
    buckets=_ANSWERS,
)
HTTP_IN_FLIGHT: Final = Gauge(
    "http_requests_in_flight",
    "Requests being worked on, streams not included.",
    namespace=_PREFIX,
    multiprocess_mode="livesum",
)
OPEN_STREAMS: Final = Gauge(
    "open_streams",
    "Event streams being sent.",
    namespace=_PREFIX,
    multiprocess_mode="livesum",
)
