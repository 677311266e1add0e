from typing import Any

import pytest

from agentserver.core.errors import BadRequest
from runs.tools.frontend import frontend_tools

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


def test_it_builds_client_side_tools() -> None:
    [tool] = frontend_tools([{"name": "confirm", "description": "Ask.", "parameters": SCHEMA}])
    assert (tool.name, tool.description, tool.parameters) == ("confirm", "Ask.", SCHEMA)
    assert tool.client_side
    assert tool.function is None


@pytest.mark.parametrize("missing", [{}, {"parameters": None}, {"parameters": {}}])
def test_it_takes_missing_parameters_as_none_at_all(missing: dict[str, Any]) -> None:
    [tool] = frontend_tools([{"name": "ping", **missing}])
    assert tool.parameters == {"type": "object", "properties": {}}


def test_it_keeps_the_order_of_the_request() -> None:
    names = ["b", "a", "c"]
    assert [tool.name for tool in frontend_tools([{"name": name} for name in names])] == names


@pytest.mark.parametrize("nothing", [None, []])
def test_it_accepts_a_request_without_tools(nothing: Any) -> None:
    assert frontend_tools(nothing) == []


@pytest.mark.parametrize(
    ("definitions", "reason"),
    [
        ({}, "must be a list"),
        (["confirm"], r"tools\[0\]: must be an object"),
        ([{"name": "ok"}, {}], r"tools\[1\]\.name"),
        ([{"name": "not ok"}], r"tools\[0\]\.name"),
        ([{"name": "x" * 129}], r"tools\[0\]\.name"),
        ([{"name": "a", "description": 1}], "description"),
        ([{"name": "a", "description": "x" * 20_000}], "description"),
        ([{"name": "a", "parameters": []}], "JSON object"),
        ([{"name": "a", "parameters": {"type": "array"}}], "describe an object"),
        ([{"name": "a", "parameters": {"properties": 1}}], "not a JSON Schema"),
        ([{"name": "a"}, {"name": "a"}], "given twice"),
        ([{"name": f"t{n}"} for n in range(129)], "at most 128"),
    ],
)
def test_it_refuses_a_bad_definition_by_name(definitions: Any, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        frontend_tools(definitions)
