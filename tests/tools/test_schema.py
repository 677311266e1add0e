import contextlib
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.tools import schema
from runs.tools.definition import Tool
from runs.tools.errors import InvalidArguments

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def exploding(depth: int) -> dict[str, Any]:
    """A small schema whose evaluation doubles at every level."""
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(depth)
    }
    return {"$ref": "#/$defs/l0", "$defs": {**levels, f"l{depth}": {"type": "object"}}}


def test_it_stops_a_foreign_schema_that_takes_exponential_work() -> None:
    with pytest.raises(schema.InvalidSchema, match="too much work"):
        schema.problems(exploding(40), {}, trusted=False)


def test_it_survives_a_schema_that_refers_to_itself() -> None:
    with pytest.raises(schema.InvalidSchema):
        schema.problems({"$ref": "#"}, {}, trusted=False)


def test_it_ignores_regular_expressions_of_foreign_schemas() -> None:
    slow = {"type": "string", "pattern": "^(a+)+$"}
    assert schema.problems(slow, "a" * 60 + "b", trusted=False) == []


def test_it_checks_regular_expressions_of_its_own_schemas() -> None:
    assert schema.problems({"pattern": "^a$"}, "b") == ["arguments: 'b' does not match '^a$'"]


def test_it_never_fetches_a_foreign_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: opened.append(a))
    with pytest.raises(schema.InvalidSchema, match="cannot be evaluated"):
        schema.problems({"$ref": "http://127.0.0.1/x.json"}, {})
    assert opened == []


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        ("text", "JSON object"),
        ({"type": "nothing"}, "not a JSON Schema"),
        ({"properties": {"a": {"$ref": "https://example.org/a.json"}}}, "inside the schema"),
        ({"description": "x" * 70_000}, "larger than"),
        ({"$schema": 1}, "must be a string"),
        ({"enum": [object()]}, "not JSON"),
    ],
)
def test_it_refuses_a_foreign_schema(foreign: Any, reason: str) -> None:
    with pytest.raises(schema.InvalidSchema, match=reason):
        schema.checked_schema(foreign, trusted=False)


def test_it_refuses_a_schema_that_is_nested_too_deeply() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"not": deep}
    with pytest.raises(schema.InvalidSchema, match="nested too deeply"):
        schema.checked_schema(deep, trusted=False)


def test_it_honours_the_dialect_a_schema_names() -> None:
    draft7 = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "integer"}, {"type": "string"}],
    }
    assert schema.checked_schema(draft7, trusted=False) is draft7
    assert schema.problems(draft7, [1, 2], trusted=False) == ["[1]: 2 is not of type 'string'"]


@given(JSON)
def test_it_answers_any_json_with_values_or_invalid_arguments(arguments: Any) -> None:
    tool = Tool(
        name="probe",
        parameters={
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["a"],
        },
        function=lambda context, values: values,
        source="mcp",
    )
    values = None
    with contextlib.suppress(InvalidArguments):
        values = tool.validate(arguments)
    if values is not None:
        assert values == arguments
        assert isinstance(values["a"], int)
