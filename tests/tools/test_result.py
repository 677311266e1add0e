import contextlib
import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from runs.tools import ToolResult, media, text
from runs.tools.errors import InvalidResult
from runs.tools.result import MAX_DATA_BYTES, Outcome, failed, normalised
from threads.models import Thread

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)
ANYTHING = st.recursive(
    JSON
    | st.floats()
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.uuids()
    | st.text()
    | st.builds(object),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner),
    max_leaves=8,
)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Answer(BaseModel):
    points: list[Point]


@given(JSON)
def test_it_keeps_json_values_as_they_are(value: Any) -> None:
    assert normalised(value).data == value


@given(ANYTHING)
def test_it_yields_json_or_a_clear_error_whatever_a_tool_returns(value: Any) -> None:
    result = None
    with contextlib.suppress(InvalidResult):
        result = normalised(value)
    if result is not None:
        assert json.loads(result.text_for_model()) == result.data
        assert ToolResult.load(json.loads(json.dumps(result.dump()))).data == result.data


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        ("sunny", "sunny"),
        (Answer(points=[Point(1)]), {"points": [{"x": 1}]}),
        (Point(2), {"x": 2}),
        ([Colour.RED, {1: (1, 2)}], ["red", {"1": [1, 2]}]),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([math.nan, math.inf], [None, None]),
    ],
)
def test_it_brings_python_values_into_their_json_form(value: Any, data: Any) -> None:
    assert normalised(value) == ToolResult(data, content_blocks=[])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Thread(id="t"), "model instance Thread"),
        ({"rows": [Thread(id="t")]}, "model instance Thread"),
        (Thread.objects.all(), "queryset"),
        (object(), "type object"),
        ((n for n in [1]), "type generator"),
        ("\ud800", "no JSON form"),
        (b"\xff", "no JSON form"),
        ("x" * MAX_DATA_BYTES, "may have 1048576"),
        (ToolResult(message="x" * 2_000_000), "the message has"),
        (ToolResult(message="\ud800"), "not valid Unicode"),
        (ToolResult(message=1), "must be text"),  # type: ignore[arg-type]
        (ToolResult(metadata={"x": object()}), "type object"),
        (ToolResult(content_blocks=[{"type": "sound"}]), "invalid content block"),
        (ToolResult(content_blocks=[{"type": "text"}]), "text: Field required"),
    ],
)
def test_it_says_why_a_result_cannot_be_recorded(value: Any, reason: str) -> None:
    with pytest.raises(InvalidResult, match=reason):
        normalised(value)


def test_it_refuses_a_circular_result() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidResult, match="Circular"):
        normalised(circle)


def test_it_tells_the_author_of_a_forgotten_async_def() -> None:
    async def late() -> None: ...

    with pytest.raises(InvalidResult, match="async def"):
        normalised(late())


def test_it_shows_the_model_the_message_instead_of_the_data() -> None:
    assert normalised(ToolResult({"n": 1}, message="One.")).text_for_model() == "One."


def test_it_shows_the_model_the_data_as_compact_json() -> None:
    assert normalised({"n": [1, "é"]}).text_for_model() == '{"n":[1,"é"]}'


def test_it_shows_the_model_the_error_of_a_failed_call() -> None:
    assert failed("no such city", "tool_error").text_for_model() == "no such city"
    assert Outcome(status="cancelled").text_for_model() == "cancelled"


def test_it_survives_the_way_through_the_ledger() -> None:
    blocks = [text("hi"), media("image", data=b"\x89PNG", media_type="image/png")]
    result = normalised(ToolResult(1, message="m", content_blocks=blocks, metadata={"k": [1]}))
    assert ToolResult.load(json.loads(json.dumps(result.dump()))) == result


@pytest.mark.parametrize(
    ("block", "wire"),
    [
        (text("a"), {"type": "text", "text": "a"}),
        (
            media("audio", data=b"abc", media_type="audio/wav"),
            {
                "type": "audio",
                "source": {"type": "base64", "media_type": "audio/wav", "data": "YWJj"},
            },
        ),
        (
            media("document", url="https://example.org/a.pdf", title="A"),
            {
                "type": "document",
                "source": {"type": "url", "url": "https://example.org/a.pdf"},
                "title": "A",
            },
        ),
    ],
)
def test_it_builds_content_blocks(block: Any, wire: Any) -> None:
    assert block == wire
    assert normalised(ToolResult(content_blocks=[block])).content_blocks == [wire]


@pytest.mark.parametrize(
    "source",
    [{}, {"data": b"x"}, {"data": b"x", "media_type": "image/png", "url": "https://example.org/x"}],
)
def test_it_refuses_a_media_block_without_exactly_one_source(source: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either url, or data"):
        media("image", **source)


def test_it_refuses_data_that_is_not_base64() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "not base64!"}
    with pytest.raises(InvalidResult, match="not base64"):
        normalised(ToolResult(content_blocks=[{"type": "image", "source": source}]))
