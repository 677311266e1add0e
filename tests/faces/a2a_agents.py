"""Agents for the tests of the A2A bindings, as fixtures."""

import pytest

from tests.engine_fixture import Engine
from tests.faces.a2a_oracle import Json

REPLY: Json = {"text": "Yes, {{last_user}}", "chunks": 3}
ASKS: Json = {"tool_call": {"name": "look", "arguments": {"at": "this"}}}


@pytest.fixture
def echo(engine: Engine) -> str:
    return engine.agent("echo", [{"reply": [REPLY]}])


@pytest.fixture
def asking(engine: Engine) -> str:
    """An agent that wants to use a tool for which somebody has to agree."""

    def look(at: str) -> str:
        """Looks at something."""
        return f"seen {at}"

    engine.tool(look)
    rules = {"default_behavior": "allow", "rules": [{"tool": "look", "behavior": "ask"}]}
    script: list[Json] = [{"when": {"turn": 1}, "reply": [{"text": "Done."}]}, {"reply": [ASKS]}]
    return engine.agent("asking", script, tools=["look"], permission=rules)
