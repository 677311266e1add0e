from typing import Any

import pytest

from agentserver.core.errors import BadRequest
from runs.tools import Tool
from runs.tools.frontend import frontend_tools
from runs.tools.select import ToolRules, select_tools


def server(*names: str, source: str = "code") -> list[Tool]:
    return [Tool(name=name, function=print, source=source) for name in names]


def client(*names: str) -> list[Tool]:
    return frontend_tools([{"name": name} for name in names])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, ["file_read", "file_write", "search"]),
        (
            {"allowed_tool_patterns": [], "excluded_tool_patterns": []},
            ["file_read", "file_write", "search"],
        ),
        ({"allowed_tools": []}, []),
        ({"allowed_tools": ["search"]}, ["search"]),
        ({"allowed_tools": ["unknown"]}, []),
        ({"allowed_tool_patterns": ["file_*"]}, ["file_read", "file_write"]),
        ({"allowed_tool_patterns": ["write_*"]}, []),
        ({"allowed_tool_patterns": ["file_[!r]*", "sea?ch"]}, ["file_write", "search"]),
        ({"allowed_tools": [], "allowed_tool_patterns": ["file_*"]}, ["file_read", "file_write"]),
        (
            {"allowed_tools": ["search"], "allowed_tool_patterns": ["*_read"]},
            ["file_read", "search"],
        ),
        ({"excluded_tools": ["search"]}, ["file_read", "file_write"]),
        ({"excluded_tool_patterns": ["file_*"]}, ["search"]),
        ({"allowed_tools": ["search"], "excluded_tools": ["search"]}, []),
        ({"allowed_tools": ["file_read"], "excluded_tool_patterns": ["*"]}, []),
        ({"excluded_tool_patterns": ["FILE_*"]}, ["file_read", "file_write", "search"]),
    ],
)
def test_it_applies_the_lists_of_an_agent(rules: dict[str, Any], expected: list[str]) -> None:
    tools = server("file_read", "file_write", "search")
    assert [tool.name for tool in select_tools(tools, rules=ToolRules(**rules))] == expected


def test_it_orders_server_tools_then_delegates_then_frontend_tools() -> None:
    chosen = select_tools(
        server("z", "a"),
        rules=ToolRules(),
        delegates=server("agent_run_b"),
        frontend=client("confirm"),
    )
    assert [tool.name for tool in chosen] == ["z", "a", "agent_run_b", "confirm"]


def test_it_offers_delegates_and_frontend_tools_beside_an_allow_list() -> None:
    chosen = select_tools(
        server("search"),
        rules=ToolRules(allowed_tools=[]),
        delegates=server("agent_run_b"),
        frontend=client("confirm"),
    )
    assert [tool.name for tool in chosen] == ["agent_run_b", "confirm"]


def test_it_lets_an_exclusion_remove_delegates_and_frontend_tools() -> None:
    chosen = select_tools(
        server("search"),
        rules=ToolRules(excluded_tools=["confirm"], excluded_tool_patterns=["agent_run_*"]),
        delegates=server("agent_run_b"),
        frontend=client("confirm"),
    )
    assert [tool.name for tool in chosen] == ["search"]


def test_it_refuses_a_frontend_tool_that_shadows_a_server_tool() -> None:
    with pytest.raises(BadRequest, match="'search'"):
        select_tools(server("search"), rules=ToolRules(), frontend=client("search"))


def test_it_refuses_a_frontend_tool_that_shadows_a_delegate() -> None:
    with pytest.raises(BadRequest, match="agent_run_b"):
        select_tools(
            [], rules=ToolRules(), delegates=server("agent_run_b"), frontend=client("agent_run_b")
        )


def test_it_keeps_the_first_of_two_server_tools_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = server("search"), server("search", source="mcp")
    assert select_tools([*first, *second], rules=ToolRules()) == first
    assert "search of mcp is hidden by the one of code" in caplog.text
