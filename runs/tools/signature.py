"""From a typed function to a JSON Schema, and from JSON arguments to typed values."""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from runs.tools.context import ToolContext
from runs.tools.errors import InvalidArguments, ToolDefinitionError

MAX_PROBLEMS = 5
_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _LeanSchema(GenerateJsonSchema):
    """Without generated titles: they repeat the names and cost tokens in every request."""

    ignored_warning_kinds = {
        *GenerateJsonSchema.ignored_warning_kinds,
        "non-serializable-default",
    }

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> dict[str, Any]:
        document = super().generate(schema, mode)
        document.pop("title", None)
        return document


@dataclass(frozen=True)
class Signature:
    """How JSON arguments become the keyword arguments of one function.

    `fields` maps a field of `model` to the parameter it fills; the wire name of a parameter is its
    own name unless its annotation sets an alias.
    """

    model: type[BaseModel]
    fields: dict[str, str]
    context_parameter: str | None

    def schema(self) -> dict[str, Any]:
        return self.model.model_json_schema(schema_generator=_LeanSchema)

    def convert(self, text: str) -> dict[str, Any]:
        """Typed values by parameter name, defaults included, from the arguments' JSON text."""
        try:
            values = self.model.model_validate_json(text)
        except ValidationError as error:
            raise InvalidArguments(_explain(error)) from None
        return {name: getattr(values, field) for field, name in self.fields.items()}


def read_signature(function: Callable[..., Any], descriptions: Mapping[str, str]) -> Signature:
    """The signature of a tool function; raises `ToolDefinitionError` when it cannot be offered."""
    hints = _hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        _refuse_unsupported(function, parameter, hints)
    contexts = [each.name for each in parameters if _is_context(hints[each.name])]
    if len(contexts) > 1:
        raise _problem(function, f"only one parameter may be a ToolContext, not {contexts}")
    offered = [each for each in parameters if each.name not in contexts]
    model = _model(function, offered, hints, descriptions)
    fields = {f"p{index}": each.name for index, each in enumerate(offered)}
    return Signature(model, fields, contexts[0] if contexts else None)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise _problem(
            function,
            f"its annotations cannot be resolved ({error}); import the types at module level, "
            "not under TYPE_CHECKING or inside a function",
        ) from None


def _refuse_unsupported(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: Mapping[str, Any]
) -> None:
    name = parameter.name
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        raise _problem(
            function,
            f"'{parameter}' cannot be described to a model; name every parameter, or take one "
            "parameter of type list[...] or dict[str, ...]",
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise _problem(function, f"'{name}' is positional-only; remove the '/' from the signature")
    if name in {"self", "cls"} and name not in hints:
        raise _problem(function, "it is a method; decorate a module-level function that calls it")
    if name not in hints:
        raise _problem(function, f"'{name}' has no type annotation; add one, such as '{name}: str'")


def _is_context(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, ToolContext)


def _model(
    function: Callable[..., Any],
    parameters: list[inspect.Parameter],
    hints: Mapping[str, Any],
    descriptions: Mapping[str, str],
) -> type[BaseModel]:
    # Fields are numbered, parameters are aliases: any parameter name is allowed that way, also one
    # that means something to pydantic (copy, json, model_config, _private).
    fields: dict[str, Any] = {
        f"p{index}": _field(each, hints[each.name], descriptions.get(each.name))
        for index, each in enumerate(parameters)
    }
    try:
        model = create_model("Arguments", __config__=_CONFIG, **fields)
        model.model_json_schema(schema_generator=_LeanSchema)
    except (PydanticUserError, TypeError, NameError, RecursionError) as error:
        raise _problem(
            function,
            f"a parameter type has no JSON form ({_first_sentence(error)}); use JSON types, "
            "dataclasses or pydantic models (for a database row, take its id)",
        ) from None
    return model


def _field(parameter: inspect.Parameter, hint: Any, description: str | None) -> tuple[Any, Any]:
    base, *own = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    # First, so that an alias or a description written at the parameter itself wins.
    described = Field(alias=parameter.name, description=description)
    default = ... if parameter.default is parameter.empty else parameter.default
    return Annotated[(base, described, *own)], default


def _explain(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_path(each['loc'])}: {each['msg']}" for each in found[:MAX_PROBLEMS]]
    return "invalid arguments: " + "; ".join(lines)


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "arguments"


def _problem(function: Callable[..., Any], reason: str) -> ToolDefinitionError:
    name = getattr(function, "__qualname__", repr(function))
    return ToolDefinitionError(f"{function.__module__}.{name} cannot be a tool: {reason}")


def _first_sentence(error: Exception) -> str:
    # What follows is pydantic's advice to the author of a model, not of a tool.
    return str(error).partition("\n")[0].partition(". ")[0]
