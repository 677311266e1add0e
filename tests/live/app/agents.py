"""Agents on scripted models: each calls its tools once, then talks for about three seconds.

What they say ends with the user's own words, so that the answer of one run is never mistaken for
that of another.
"""

from typing import Any

from config.defaults import agent, model, provider

TALK = (
    "The answer comes in many small pieces so that there is time to break things in between. " * 4
)
TALK_CHUNKS = 50
TALK_DELAY_MS = 60
FLOOD_CHUNKS = 600

CALLS = {
    "live-text": [],
    "live-count": ["count"],
    "live-store": ["store"],
    "live-hold": ["hold"],
    "live-hold-once": ["hold_once"],
    "live-hold-store": ["hold_store"],
    "live-pair": ["count", "hold"],
    "live-ask": ["count"],
}


def talk(key: str) -> str:
    """What an agent says to the user's words ``key``, in the end."""
    return f"{TALK}({key})"


def _script(tools: list[str]) -> list[dict[str, Any]]:
    says = {
        "text": talk("{{last_user}}"),
        "chunks": TALK_CHUNKS,
        "delay_ms": TALK_DELAY_MS,
    }
    if not tools:
        return [{"reply": [says]}]
    calls = [{"tool_call": {"name": name, "arguments": {"key": "{{last_user}}"}}} for name in tools]
    return [{"when": {"has_tool_result": True}, "reply": [says]}, {"reply": calls}]


SCRIPTS = {name: _script(tools) for name, tools in CALLS.items()}
# The user's own words, again and again, as fast as the engine can.
SCRIPTS["live-flood"] = [
    {"reply": [{"text": "{{last_user}}" * FLOOD_CHUNKS, "chunks": FLOOD_CHUNKS}]}
]

scripted = provider("live", adapter="scripted", adapter_options={"scripts": SCRIPTS})
models = [model(name, provider="live", upstream=name) for name in SCRIPTS]
agents = [
    agent(name, model=name, tools=tools) for name, tools in CALLS.items() if name != "live-ask"
]
flood = agent("live-flood", model="live-flood", tools=[])
asking = agent(
    "live-ask",
    model="live-ask",
    tools=["count"],
    permission={"default_behavior": "allow", "rules": [{"tool": "count", "behavior": "ask"}]},
)
