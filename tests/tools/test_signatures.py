import dataclasses
import datetime
import decimal
import enum
import subprocess
import sys
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from runs.tools import ToolContext
from runs.tools.decorator import build_tool
from runs.tools.errors import InvalidArguments, ToolDefinitionError
from tests.tools.calls import Call


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@dataclasses.dataclass
class Place:
    city: str
    floor: int = 0


class Order(BaseModel):
    number: int


def book(
    context: ToolContext,
    when: datetime.datetime,
    place: Place,
    order: Order,
    size: Size = Size.SMALL,
    price: decimal.Decimal = decimal.Decimal("1.50"),
    copy: int | None = None,
) -> str:
    return f"{context.call_id} {when:%Y} {place.city} {order.number} {size.name} {price} {copy}"


ARGUMENTS = {"when": "2024-05-01T10:00:00Z", "place": {"city": "Rome"}, "order": {"number": 7}}


def test_it_describes_parameters_with_a_json_schema() -> None:
    def weather(city: str, days: Annotated[int, Field(ge=1)] = 3) -> str:
        return f"{city} {days}"

    assert build_tool(weather).parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "default": 3},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_it_hides_the_context_from_the_model() -> None:
    assert "context" not in build_tool(book).parameters["properties"]


def test_it_converts_arguments_to_the_annotated_types_and_fills_in_defaults() -> None:
    assert build_tool(book).validate(ARGUMENTS) == {
        "when": datetime.datetime(2024, 5, 1, 10, tzinfo=datetime.UTC),
        "place": Place("Rome"),
        "order": Order(number=7),
        "size": Size.SMALL,
        "price": decimal.Decimal("1.50"),
        "copy": None,
    }


def test_it_calls_the_function_with_the_context_and_typed_values() -> None:
    tool = build_tool(book)
    values = tool.validate({**ARGUMENTS, "size": "l", "price": "2.25"})
    assert tool.call(values, Call().context) == "call-1 2024 Rome 7 LARGE 2.25 None"


def test_it_does_not_share_a_mutable_default_between_calls() -> None:
    def collect(items: list[int] = []) -> list[int]:  # noqa: B006 - exactly what is tested
        return items

    tool = build_tool(collect)
    tool.validate({})["items"].append(1)
    assert tool.validate({}) == {"items": []}


def test_it_understands_a_field_as_default_value() -> None:
    def page(number: int = Field(1, ge=1, description="Which page.")) -> int:
        return number

    tool = build_tool(page)
    assert tool.validate({}) == {"number": 1}
    assert tool.parameters["properties"]["number"]["description"] == "Which page."


def test_it_accepts_parameter_names_that_mean_something_to_pydantic() -> None:
    def odd(schema: str, model_config: int, _private: bool, json: str = "j") -> None: ...

    values = {"schema": "s", "model_config": 1, "_private": True, "json": "x"}
    assert build_tool(odd).validate(values) == values


GOOGLE = """Find a city.

    Only large ones.

    Args:
        name: What it is called,
            in any language.
        limit (int): How many.

    Returns:
        Something.
    """
NUMPY = """Find a city.

    Only large ones.

    Parameters
    ----------
    name : str
        What it is called,
        in any language.
    limit
        How many.
    """
SPHINX = """Find a city.

    Only large ones.

    :param name: What it is called,
        in any language.
    :param int limit: How many.
    :returns: Something.
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_it_reads_descriptions_from_the_docstring(docstring: str) -> None:
    def find(name: str, limit: int = 1) -> None: ...

    find.__doc__ = docstring
    tool = build_tool(find)
    assert tool.description == "Find a city.\n\nOnly large ones."
    described = tool.parameters["properties"]
    assert described["name"]["description"].split() == [
        "What",
        "it",
        "is",
        "called,",
        "in",
        "any",
        "language.",
    ]
    assert described["limit"]["description"] == "How many."


def test_it_prefers_the_description_written_at_the_parameter() -> None:
    def find(name: Annotated[str, Field(description="From the annotation.")]) -> None:
        """Find.

        Args:
            name: From the docstring.
        """

    described = build_tool(find).parameters["properties"]["name"]["description"]
    assert described == "From the annotation."


def test_it_offers_a_function_without_a_docstring() -> None:
    def plain(x: int) -> None: ...

    assert build_tool(plain).description == ""


def variadic(*names: str) -> None: ...
def keywords(**names: str) -> None: ...
def unannotated(name) -> None: ...  # type: ignore[no-untyped-def]
def positional(name: str, /) -> None: ...
def method(self, name: str) -> None: ...  # type: ignore[no-untyped-def]
def unresolved(name: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def two_contexts(a: ToolContext, b: ToolContext) -> None: ...


class Opaque:
    pass


def opaque(name: Opaque) -> None: ...


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        (variadic, r"list\[...\]"),
        (keywords, r"dict\[str, ...\]"),
        (unannotated, "add one, such as 'name: str'"),
        (positional, "remove the '/'"),
        (method, "module-level function"),
        (unresolved, "at module level"),
        (opaque, "dataclasses or pydantic models"),
        (two_contexts, "only one parameter"),
    ],
)
def test_it_refuses_a_signature_and_says_what_to_do(function: Any, advice: str) -> None:
    with pytest.raises(ToolDefinitionError, match=advice):
        build_tool(function)


def test_it_refuses_generators() -> None:
    def stream(x: int) -> Any:
        yield x

    with pytest.raises(ToolDefinitionError, match=r"ToolContext\.output"):
        build_tool(stream)


def test_it_refuses_a_name_that_a_provider_would_refuse() -> None:
    with pytest.raises(ToolDefinitionError, match="cannot be a tool name"):
        build_tool(two_strings, name="look up")


def test_it_refuses_an_async_transactional_tool() -> None:
    async def pay(amount: int) -> None: ...

    with pytest.raises(ToolDefinitionError, match="must be sync"):
        build_tool(pay, transactional=True)


@pytest.mark.parametrize("seconds", [0, -1])
def test_it_refuses_a_timeout_that_is_not_positive(seconds: float) -> None:
    with pytest.raises(ToolDefinitionError, match="timeout_seconds"):
        build_tool(two_strings, timeout_seconds=seconds)


def two_strings(first: str, second: str = "b") -> None: ...


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "'first' is a required property"),
        ({"first": 1}, "first: 1 is not of type 'string'"),
        ({"first": "a", "third": "c"}, "'third' was unexpected"),
        ([], "must be a JSON object"),
        ({"first": "x" * 300_000}, "send less"),
        ({"first": object()}, "not valid JSON"),
        ({"first": "\ud800"}, "not valid JSON"),
    ],
)
def test_it_tells_the_model_what_is_wrong(arguments: Any, reason: str) -> None:
    with pytest.raises(InvalidArguments, match=reason):
        build_tool(two_strings).validate(arguments)


def test_it_names_the_place_inside_nested_arguments() -> None:
    def plan(stops: list[Place]) -> None: ...

    with pytest.raises(InvalidArguments, match=r"stops\[1\]\.floor: 'two' is not of type"):
        build_tool(plan).validate({"stops": [{"city": "a"}, {"city": "b", "floor": "two"}]})


def test_it_names_the_place_of_a_value_that_cannot_be_converted() -> None:
    with pytest.raises(InvalidArguments, match="when: Input should be a valid datetime"):
        build_tool(book).validate({**ARGUMENTS, "when": "soon"})


def test_it_keeps_the_message_short_when_the_value_is_long() -> None:
    with pytest.raises(InvalidArguments) as caught:
        build_tool(two_strings).validate({"first": ["x" * 10_000]})
    assert len(str(caught.value)) < 400


def test_it_takes_no_arguments_as_an_empty_object() -> None:
    def ping() -> str:
        return "pong"

    assert build_tool(ping).validate(None) == {}


def test_it_imports_neither_the_docstring_parser_nor_jsonschema_at_start() -> None:
    program = (
        "import sys, runs.tools;"
        "print([m for m in ('griffe', 'jsonschema', 'pydantic_ai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0)
