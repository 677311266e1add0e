"""``sections.a2a`` of an agent's document: how it shows itself to other agents."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.specs import AgentSpec


class A2ASection(BaseModel):
    """Everything is optional; an agent without the section is a skill under its own id."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    name: str = Field(default="", description="Shown in the agent card instead of the id")
    tags: list[str] = Field(default_factory=list, description="What it is good at, as keywords")
    examples: list[str] = Field(default_factory=list, description="Messages that it understands")
    direct_messages: bool = Field(
        default=False, description="It may answer with a message instead of a task"
    )


def section_of(agent: AgentSpec) -> A2ASection:
    """That of the agent. One written before its form was checked counts as absent."""
    given: Any = agent.sections.get("a2a") or {}
    try:
        return A2ASection.model_validate(given)
    except ValidationError:
        return A2ASection()
