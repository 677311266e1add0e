"""A tool as the engine sees it: a schema, a way to call it, and how failure is to be treated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from agentserver.core.exact_json import dumps, loads
from agentserver.core.ids import is_valid_id
from runs.tools import schema
from runs.tools.context import ToolContext
from runs.tools.errors import InvalidArguments, ToolDefinitionError
from runs.tools.signature import Signature

DEFAULT_TIMEOUT_SECONDS = 60.0
MAX_ARGUMENTS_BYTES = 256 * 1024
NO_PARAMETERS: dict[str, JsonValue] = {"type": "object", "properties": {}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """One tool. Tools of code come from `@tool`, others from a `ToolSource` or a request.

    `function` is called with keyword arguments when there is a `signature`, else as
    ``function(context, arguments)``; it is None exactly for a `client_side` tool, which the caller
    runs. `timeout_seconds` None means no limit. `idempotent`: a call whose outcome is unknown after
    a crash may simply be run again. `transactional`: the ORM writes of the (sync) function commit
    together with its recorded result. `defined_at` is a place for error messages.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: dict(NO_PARAMETERS))
    function: Callable[..., Any] | None = None
    is_async: bool = False
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS
    needs_approval: bool = False
    idempotent: bool = False
    transactional: bool = False
    source: str = "code"
    client_side: bool = False
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    signature: Signature | None = field(default=None, repr=False)
    defined_at: str = ""

    def __post_init__(self) -> None:
        for wrong, reason in self._rules():
            if wrong:
                raise ToolDefinitionError(f"tool {self.name!r}: {reason}")

    def _rules(self) -> list[tuple[bool, str]]:
        return [
            (not is_valid_id(self.name), "the name must have 1 to 255 characters and no slash"),
            (
                self.transactional and self.is_async,
                "a transactional tool must be sync ('def'): Django's transactions belong to a "
                "thread; move the awaits out or drop transactional=True",
            ),
            (
                self.client_side is not (self.function is None),
                "only a client-side tool has no function",
            ),
            (self.client_side and self.transactional, "a client-side tool cannot be transactional"),
            (
                self.timeout_seconds is not None and self.timeout_seconds <= 0,
                "timeout_seconds must be positive, or None for no limit",
            ),
        ]

    def validate(self, arguments: object) -> dict[str, Any]:
        """The arguments, checked against `parameters`, as typed values with defaults filled in.

        Tools without a `signature` get the JSON values as they came. Raises `InvalidArguments` with
        up to five reasons, each naming the member that is wrong.
        """
        given = {} if arguments is None else arguments
        if not isinstance(given, dict):
            raise InvalidArguments("the arguments must be a JSON object")
        text = _arguments_text(given)
        self._check(given)
        return self.signature.convert(text) if self.signature else dict(loads(text))

    def _check(self, arguments: dict[str, Any]) -> None:
        try:
            reasons = schema.problems(self.parameters, arguments, trusted=self.source == "code")
        except schema.InvalidSchema as error:
            raise InvalidArguments(f"the tool's own schema is unusable: {error}") from None
        if reasons:
            raise InvalidArguments("invalid arguments: " + "; ".join(reasons))

    def call(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        """Call the function with validated arguments; for an async tool the result is awaitable."""
        if self.function is None:
            raise TypeError(f"{self.name} is run by the client")
        if self.signature is None:
            return self.function(context, arguments)
        if self.signature.context_parameter:
            arguments = {**arguments, self.signature.context_parameter: context}
        return self.function(**arguments)


def _arguments_text(arguments: dict[str, Any]) -> str:
    try:
        text = dumps(arguments)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidArguments("the arguments are not valid JSON, or nested too deeply") from None
    if size > MAX_ARGUMENTS_BYTES:
        raise InvalidArguments(
            f"the arguments have {size} bytes and may have {MAX_ARGUMENTS_BYTES}; send less"
        )
    return text
