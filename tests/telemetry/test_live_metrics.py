"""Metrics of a whole server: what its workers did is on the page that its web process answers."""

import httpx

from tests.live.client import Client
from tests.live.server import LiveServer
from tests.telemetry.samples import scraped

WORKER_SIDE = [
    ("agentserver_runs_total", (("outcome", "natural_end"),)),
    ("agentserver_claim_latency_seconds_count", ()),
    ("agentserver_time_to_first_token_seconds_count", ()),
    ("agentserver_run_duration_seconds_count", ()),
    ("agentserver_inference_duration_seconds_count", (("model", "echo"),)),
]


def metrics_of(server: LiveServer) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return scraped(httpx.get(f"{server.url}/metrics", trust_env=False).raise_for_status().text)


def test_it_shows_what_workers_did(server: LiveServer) -> None:
    before = metrics_of(server)

    with Client(server.url) as client, client.start("demo-echo", "hello") as answer:
        answer.read()

    after = metrics_of(server)
    grown = {name: after.get(name, 0) - before.get(name, 0) for name in WORKER_SIDE}
    assert grown == dict.fromkeys(WORKER_SIDE, 1)


def test_it_counts_a_stream_while_it_is_open(server: LiveServer) -> None:
    streams = ("agentserver_open_streams", ())
    before = metrics_of(server).get(streams, 0)

    with Client(server.url) as client, client.start("demo-slow", "hello") as answer:
        parts = answer.iter_bytes()
        next(parts)
        assert metrics_of(server)[streams] == before + 1
