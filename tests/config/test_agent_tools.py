"""Which tools an agent's lists let through."""

from typing import Any

import pytest

from config.specs import AgentSpec
from tests.config.samples import AGENT


@pytest.mark.parametrize(
    ("lists", "offered"),
    [
        ({}, True),
        ({"allowed_tools": []}, False),
        ({"allowed_tools": ["read_file"]}, True),
        ({"allowed_tools": ["write_file"]}, False),
        ({"allowed_tool_patterns": ["read_*"]}, True),
        ({"allowed_tool_patterns": ["write_*"]}, False),
        ({"allowed_tools": ["x"], "allowed_tool_patterns": ["*_file"]}, True),
        ({"excluded_tools": ["read_file"]}, False),
        ({"allowed_tools": ["read_file"], "excluded_tools": ["read_file"]}, False),
        ({"allowed_tools": ["read_file"], "excluded_tool_patterns": ["*_file"]}, False),
    ],
)
def test_it_offers_what_is_allowed_and_not_excluded(lists: dict[str, Any], offered: bool) -> None:
    assert AgentSpec.model_validate({**AGENT, **lists}).offers_tool("read_file") is offered
