"""What all stored documents share: strict JSON types, no coercion, errors without the input."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from agentserver.core.ids import MAX_LENGTH, is_valid_id
from config.matching import PatternError, glob

RESERVED_IDS = frozenset({"$schema", "meta", "validate", "diagnostics"})


class Spec(BaseModel):
    """A stored document or a part of one; unknown members are refused."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )


class LenientSpec(Spec):
    """A document whose unknown members are dropped."""

    model_config = ConfigDict(extra="ignore")


def refuse(message: str) -> PydanticCustomError:
    """An error whose message stands alone, without the member's name before it."""
    # Braces are placeholders in such a message; user text may hold some.
    return PydanticCustomError("refused", "{message}", {"message": message})


def problem_of_id(value: str) -> str | None:
    """Why a text cannot be the id of a document, None when it can."""
    if value in RESERVED_IDS:
        return f"the id '{value}' is reserved"
    if not is_valid_id(value):
        return f"an id has 1 to {MAX_LENGTH} characters without '/', '\\' or control characters"
    return None


def _check_id(value: Any) -> Any:
    if isinstance(value, str) and (problem := problem_of_id(value)):
        raise refuse(problem)
    return value


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _check_globs(value: Any) -> Any:
    for pattern in value if isinstance(value, list) else ():
        try:
            glob(pattern if isinstance(pattern, str) else "")
        except PatternError as error:
            raise refuse(f"invalid pattern '{pattern}': {error}") from None
    return value


DocumentId = Annotated[str, BeforeValidator(_check_id)]
NonBlank = Annotated[str, StringConstraints(pattern=r"\S")]
OptionalText = Annotated[str | None, BeforeValidator(_blank_to_none)]
Globs = Annotated[list[str], BeforeValidator(_check_globs)]
# A long that a database or a browser can hold too.
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]


def at_least_one(value: Any) -> Any:
    """Zero counts as one: the effective minimum of a timeout in seconds."""
    return 1 if value == 0 and isinstance(value, int) and not isinstance(value, bool) else value


Seconds = Annotated[int, BeforeValidator(at_least_one), Field(ge=1, le=86_400)]
