import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.tools.json_patch import PatchError, apply_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({}, {"op": "add", "path": "/a", "value": 1}, {"a": 1}),
        ({"a": 1}, {"op": "add", "path": "/a", "value": 2}, {"a": 2}),
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2]}),
        ({"a": 1, "b": 2}, {"op": "remove", "path": "/a"}, {"b": 2}),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": 1}, {"op": "replace", "path": "/a", "value": None}, {"a": None}),
        ({"a": 1}, {"op": "replace", "path": "", "value": 2}, 2),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/b"}, {"b": 1}),
        ({"a": [1, 2]}, {"op": "move", "from": "/a/0", "path": "/a/1"}, {"a": [2, 1]}),
        (
            {"a": {"b": 1}},
            {"op": "copy", "from": "/a", "path": "/c"},
            {"a": {"b": 1}, "c": {"b": 1}},
        ),
        (
            {"a/b": {"m~n": 1}},
            {"op": "replace", "path": "/a~1b/m~0n", "value": 2},
            {"a/b": {"m~n": 2}},
        ),
        ({"": 1}, {"op": "replace", "path": "/", "value": 2}, {"": 2}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
        (
            {"a": [{"b": [1]}]},
            {"op": "test", "path": "/a", "value": [{"b": [1]}]},
            {"a": [{"b": [1]}]},
        ),
    ],
)
def test_it_applies_an_operation(document: Any, operation: dict[str, Any], expected: Any) -> None:
    before = copy.deepcopy(document)
    assert apply_patch(document, [operation]) == expected
    assert document == before


@pytest.mark.parametrize(
    ("document", "operation", "reason"),
    [
        ({}, {"op": "remove", "path": "/a"}, "no member 'a'"),
        ({}, {"op": "replace", "path": "/a", "value": 1}, "no member 'a'"),
        ({}, {"op": "add", "path": "/a/b", "value": 1}, "no member 'a'"),
        ({"a": [1]}, {"op": "remove", "path": "/a/1"}, "no index '1'"),
        ({"a": [1]}, {"op": "remove", "path": "/a/-"}, "no index '-'"),
        ({"a": [1]}, {"op": "add", "path": "/a/01", "value": 1}, "no index '01'"),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}, "no index '2'"),
        ({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}, "not inside"),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b/c"}, "into itself"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}, "test failed"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 2}, "test failed"),
        ({}, {"op": "add", "path": "a", "value": 1}, "not a JSON Pointer"),
        ({}, {"op": "add", "path": "/a"}, "missing 'value'"),
        ({}, {"path": "/a"}, "missing 'op'"),
        ({}, {"op": "grow", "path": "/a"}, "unknown op"),
    ],
)
def test_it_says_which_operation_does_not_apply(
    document: Any, operation: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PatchError, match=f"operation 1: .*{reason}"):
        apply_patch(document, [{"op": "test", "path": "", "value": document}, operation])


def test_it_applies_all_operations_or_none() -> None:
    document = {"a": 1}
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/b", "value": 2},
        {"op": "remove", "path": "/c"},
    ]
    with pytest.raises(PatchError):
        apply_patch(document, operations)
    assert document == {"a": 1}


@given(st.dictionaries(st.text(max_size=4), JSON), st.text(max_size=4), JSON)
def test_it_undoes_an_added_member_by_removing_it(
    document: dict[str, Any], name: str, value: Any
) -> None:
    document.pop(name, None)
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    added: dict[str, Any] = {"op": "add", "path": path, "value": value}
    assert apply_patch(document, [added])[name] == value
    removed: dict[str, Any] = {"op": "remove", "path": path}
    assert apply_patch(document, [added, removed]) == document
