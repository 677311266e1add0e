"""The demo agents, and ``assistant``: on a real model when the environment holds a key for one."""

from typing import Final

from agentserver.core import env
from config.defaults import Declared, agent, model, provider
from runs.demo.scripts import SCRIPTS
from runs.providers.credentials import credentials_from_environment

_REAL_MODELS: Final = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}


def _assistants_model() -> list[Declared]:
    """The model ``default`` on the first provider the environment has a key for, else scripted.

    The provider's document holds no key: it takes key and address from the environment itself.
    """
    for adapter, first_choice in _REAL_MODELS.items():
        if credentials_from_environment(adapter).api_key:
            upstream = env.text("AGENTSERVER_DEMO_MODEL") or first_choice
            return [
                provider(adapter, adapter=adapter),
                model("default", provider=adapter, upstream=upstream),
            ]
    return [model("default", provider="demo", upstream="no-key")]


def _assistant(name: str, description: str) -> Declared:
    return agent(
        name,
        model="default",
        system_prompt="You are a helpful assistant. Answer briefly.",
        description=description,
        tools=[],
    )


DOCUMENTS: Final = [
    provider("demo", adapter="scripted", adapter_options={"scripts": SCRIPTS}),
    *(
        model(f"demo-{name}", provider="demo", upstream=name)
        for name in SCRIPTS
        if name != "no-key"
    ),
    *_assistants_model(),
    _assistant("assistant", "A plain assistant."),
    _assistant("default", "Answers where a request names no agent."),
    agent(
        "demo-echo",
        model="demo-echo",
        description="Repeats what you say, in several pieces.",
        tools=[],
    ),
    agent(
        "demo-tool",
        model="demo-tool",
        description="Adds two numbers with a tool and answers with the sum.",
        tools=["demo_add"],
    ),
    agent(
        "demo-approval",
        model="demo-approval",
        description="Wants to delete a file and needs your approval for it.",
        tools=["demo_delete_file"],
        permission={
            "default_behavior": "allow",
            "rules": [{"tool": "demo_delete_file", "behavior": "ask"}],
        },
    ),
    agent(
        "demo-slow",
        model="demo-slow",
        description="Streams for more than four seconds.",
        tools=[],
    ),
    # No list of tools: it is meant for those that the page brings along.
    agent(
        "demo-frontend",
        model="demo-frontend",
        description="Calls the first tool that your page offers.",
    ),
    agent(
        "demo-a2a",
        model="demo-a2a",
        description="Shows what an A2A task can do, by how the id of your message begins.",
        tools=["demo_ask", "demo_forbidden"],
        permission={
            "default_behavior": "allow",
            "rules": [{"tool": "demo_forbidden", "behavior": "deny"}],
        },
        sections={"a2a": {"direct_messages": True}},
    ),
    agent(
        "demo-error",
        model="demo-error",
        description="Its model always fails.",
        tools=[],
    ),
]
