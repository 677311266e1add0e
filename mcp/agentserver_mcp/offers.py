"""Agents as tools: their names, descriptions and input, from the live configuration.

Knows nothing of the SDK: the definitions are plain data.
"""

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from agentserver.core.api.answers import encode
from config import registry as registries
from config.specs import AgentSpec

MAX_NAME: Final = 64
_UNFIT = re.compile(r"[^A-Za-z0-9_./-]")
_DESCRIBED: Final = 200

INPUT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "message": {
            "type": "string",
            "minLength": 1,
            "description": "What to say to the agent",
        },
        "threadId": {
            "type": "string",
            "minLength": 1,
            "description": "Continue this conversation instead of starting a new one",
        },
    },
    "required": ["message"],
}


def agents() -> Mapping[str, AgentSpec]:
    """The agents that can be asked now. May read the database."""
    return registries.current().agents


def by_tool_name(
    offered: Mapping[str, AgentSpec], taken: Collection[str] = ()
) -> dict[str, AgentSpec]:
    """Agents by the names of their tools: the id where it fits and is free, else made from it."""
    named: dict[str, AgentSpec] = {}
    unfit = []
    for agent_id, agent in sorted(offered.items()):
        if fitting(agent_id) == agent_id and agent_id not in taken:
            named[agent_id] = agent
        else:
            unfit.append(agent)
    for agent in unfit:
        name = fitting(agent.id)
        named[_hashed(name, agent.id) if name in named or name in taken else name] = agent
    return named


def fitting(agent_id: str) -> str:
    """1 to 64 characters of ``[A-Za-z0-9_./-]``."""
    return _UNFIT.sub("_", agent_id)[:MAX_NAME]


def _hashed(name: str, agent_id: str) -> str:
    mark = sha256(agent_id.encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME - 9]}_{mark}"


def description_of(agent: AgentSpec) -> str:
    return agent.description or agent.system_prompt[:_DESCRIBED].strip() or f"Agent {agent.id}"


def fingerprint(server_id: str) -> str:
    """Changes when the agents that `server_id` offers do. May read the database."""
    shown = {agent.id: description_of(agent) for agent in agents().values()}
    return sha256(encode([server_id, sorted(shown.items())])).hexdigest()
