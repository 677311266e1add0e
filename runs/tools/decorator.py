"""`@tool`: a typed function becomes a tool that agents may call."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from pydantic import JsonValue

from runs.tools import registry
from runs.tools.definition import DEFAULT_TIMEOUT_SECONDS, Tool
from runs.tools.docstring import describe
from runs.tools.errors import ToolDefinitionError
from runs.tools.signature import read_signature

# The names that every model provider accepts.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def tool(function: Function, /) -> Function: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    needs_approval: bool = False,
    idempotent: bool = False,
    transactional: bool = False,
    metadata: Mapping[str, JsonValue] | None = None,
) -> Callable[[Function], Function]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Offer a function to agents, as ``@tool`` or ``@tool(needs_approval=True, ...)``.

    The function itself is returned unchanged and stays callable as before. Its name, docstring and
    type hints give the tool's name, description and JSON Schema (see `build_tool` for the options);
    a parameter annotated `ToolContext` is filled by the engine and hidden from the model.
    """
    if function is not None:
        registry.register(build_tool(function))
        return function

    def decorate(decorated: Function) -> Function:
        registry.register(build_tool(decorated, **options))
        return decorated

    return decorate


def build_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    needs_approval: bool = False,
    idempotent: bool = False,
    transactional: bool = False,
    metadata: Mapping[str, JsonValue] | None = None,
) -> Tool:
    """The `Tool` of a function, not registered. Raises `ToolDefinitionError`.

    `timeout_seconds` None lets it run without limit; `needs_approval` asks a person before each
    call; `idempotent` allows running a call again whose outcome a crash left open; `transactional`
    commits the function's ORM writes (default database) together with the recorded result.
    """
    _refuse_generators(function)
    described = describe(function)
    signature = read_signature(function, described.parameters)
    return Tool(
        name=_checked_name(name or function.__name__),
        description=described.summary if description is None else description,
        parameters=signature.schema(),
        function=function,
        is_async=inspect.iscoroutinefunction(function),
        timeout_seconds=timeout_seconds,
        needs_approval=needs_approval,
        idempotent=idempotent,
        transactional=transactional,
        metadata=dict(metadata or {}),
        signature=signature,
        defined_at=_place(function),
    )


def _refuse_generators(function: Callable[..., Any]) -> None:
    if not inspect.isroutine(function):
        raise ToolDefinitionError(f"{function!r} cannot be a tool: decorate a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(
            f"{function.__qualname__} cannot be a tool: it yields; return the result, and stream "
            "with ToolContext.output"
        )


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ToolDefinitionError(
            f"{name!r} cannot be a tool name: use 1 to 64 letters, digits, '_' and '-', "
            "for example with @tool(name=...)"
        )
    return name


def _place(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{function.__module__}.{function.__qualname__}{where}"
