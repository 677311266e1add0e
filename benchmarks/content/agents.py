"""One agent per kind of model; those called patient wait for an answer that does not come."""

from typing import Final

from agentserver.core import env
from benchmarks.shape import DELTA_COUNT, DELTA_MS, PATIENCE_SECONDS, TEXT
from config.defaults import Declared, agent, model, provider

_SCRIPTS: Final = {
    "fast": [
        {
            "reply": [
                {
                    "text": TEXT,
                    "chunks": DELTA_COUNT,
                    "delay_ms": DELTA_MS,
                    "first_delay_ms": 0,
                }
            ]
        }
    ],
    "patient": [{"reply": [{"text": TEXT, "first_delay_ms": PATIENCE_SECONDS * 1000}]}],
}


def _agents_of(kind: str) -> list[Declared]:
    return [
        item
        for pace in _SCRIPTS
        for item in (
            model(f"bench-{kind}-{pace}", provider=f"bench-{kind}", upstream=pace),
            agent(f"bench-{kind}-{pace}", model=f"bench-{kind}-{pace}", tools=[]),
        )
    ]


DOCUMENTS: Final = [
    provider("bench-scripted", adapter="scripted", adapter_options={"scripts": _SCRIPTS}),
    provider(
        "bench-http",
        adapter="openai",
        base_url=env.text("BENCHMARK_MODEL_URL", "http://127.0.0.1:1/v1"),
        api_key="not-a-secret",
        timeout_secs=PATIENCE_SECONDS,
    ),
    *_agents_of("scripted"),
    *_agents_of("http"),
]
