"""Reading the members of a ProtoJSON object, collecting all that is wrong instead of the first."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, Final

from agentserver.core.ids import MAX_LENGTH, is_valid_id
from agentserver_a2a.errors import Violation, invalid

Json = dict[str, Any]

MAX_INTEGER: Final = 2**31 - 1
_CAPITAL = re.compile(r"[A-Z]")
_DIGITS = re.compile(r"-?\d{1,10}")
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}


class Members:
    """One object of a request. `path` leads to it (``message.parts[0]``); the list of violations is
    shared by all objects of the request."""

    def __init__(
        self, members: Json, path: str, violations: list[Violation], *, from_query: bool = False
    ) -> None:
        self._members = members
        self._path = path
        self._violations = violations
        self._from_query = from_query

    @classmethod
    def of(cls, data: Any, *, from_query: bool = False) -> "Members":
        """The outermost object; `InvalidParams` at once when it is none."""
        if not isinstance(data, dict):
            raise invalid([Violation("", "must be an object")])
        return cls(data, "", [], from_query=from_query)

    def check(self) -> None:
        """Raises `InvalidParams` when anything was wrong in this object or below it."""
        if self._violations:
            raise invalid(self._violations)

    def complain(self, name: str, description: str) -> None:
        self._violations.append(Violation(self._at(name), description))

    # --- any value --------------------------------------------------------------------------
    def has(self, name: str, *, null: bool = False) -> bool:
        """Whether the member is there; ``null``: even as null."""
        key = self._key(name)
        return key in self._members and (null or self._members[key] is not None)

    def raw(self, name: str) -> Any:
        return self._members.get(self._key(name))

    def _key(self, name: str) -> str:
        return name if name in self._members else _CAPITAL.sub(_lowered, name)

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}".strip(".")

    def _typed(self, name: str, kind: type, *, required: bool = False) -> Any:
        value = self.raw(name)
        if value is None and required:
            self.complain(name, "is required")
        if value is None or isinstance(value, kind):
            return value
        self.complain(name, f"must be {_KINDS[kind]}")
        return None

    # --- texts ------------------------------------------------------------------------------
    def text(self, name: str, *, required: bool = False) -> str | None:
        value: str | None = self._typed(name, str, required=required)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._typed(name, list) or []
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self.complain(f"{name}[{index}]", "must be a text")
        return tuple(value for value in values if isinstance(value, str))

    def id(self, name: str, *, required: bool = False) -> str | None:
        """An empty text is as good as absent, as in protobuf."""
        value = self.text(name)
        if not value:
            if required and (value == "" or not self.has(name)):
                self.complain(name, "is required")
            return None
        if not is_valid_id(value):
            self.complain(
                name, f"must be 1 to {MAX_LENGTH} characters without '/', '\\' or controls"
            )
        return value

    def foreign_id(self, name: str) -> str | None:
        """An id that others make and that we only repeat: any text but an empty one."""
        value = self.text(name)
        if not value and (value == "" or not self.has(name)):
            self.complain(name, "is required")
        return value

    def url(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not _URL.fullmatch(value):
            self.complain(name, "must be an http or https URL")
        return value

    def base64(self, name: str) -> str | None:
        """In the standard alphabet with padding; the URL-safe one and none are read as well."""
        value = self.text(name)
        if value is None:
            return None
        plain = value.translate(_URL_SAFE).rstrip("=")
        plain += "=" * (-len(plain) % 4)
        try:
            base64.b64decode(plain, validate=True)
        except (binascii.Error, ValueError):
            self.complain(name, "must be base64")
        return plain

    def timestamp(self, name: str) -> datetime | None:
        """RFC 3339; without an offset it is UTC."""
        text = self.text(name)
        if not text:
            return None
        try:
            # A plus sign that nobody escaped arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            self.complain(name, "must be a timestamp such as 2026-01-02T03:04:05.678Z")
            return None

    # --- numbers and booleans ---------------------------------------------------------------
    def number(self, name: str, *, minimum: int = 0, maximum: int = MAX_INTEGER) -> int | None:
        """A whole number; ProtoJSON also allows it as text, or with a fraction of zero."""
        value = self.raw(name)
        if value is None or (self._from_query and value == ""):
            return None
        number = _whole(value)
        if number is None or not minimum <= number <= maximum:
            bounds = f"{minimum} to {maximum}" if maximum < MAX_INTEGER else f"at least {minimum}"
            self.complain(name, f"must be a whole number, {bounds}")
            return None
        return number

    def flag(self, name: str) -> bool:
        value = self.raw(name)
        if self._from_query and isinstance(value, str):
            if value.lower() in {"", "false", "0"}:
                return False
            if value.lower() in {"true", "1"}:
                return True
            self.complain(name, "must be true or false")
            return False
        return bool(self._typed(name, bool))

    # --- objects ----------------------------------------------------------------------------
    def json_object(self, name: str) -> Json | None:
        """An object whose members are nobody's business here."""
        value: Json | None = self._typed(name, dict)
        return value

    def object(self, name: str, *, required: bool = False) -> "Members | None":
        value = self._typed(name, dict, required=required)
        return None if value is None else self._inner(value, name)

    def objects(self, name: str, *, required: bool = False) -> "list[Members]":
        """``required``: at least one."""
        values = self._typed(name, list, required=required)
        if required and values == []:
            self.complain(name, "must not be empty")
        found = []
        for index, value in enumerate(values or []):
            if isinstance(value, dict):
                found.append(self._inner(value, f"{name}[{index}]"))
            else:
                self.complain(f"{name}[{index}]", "must be an object")
        return found

    def _inner(self, value: Json, name: str) -> "Members":
        return Members(value, self._at(name), self._violations)


def _lowered(capital: re.Match[str]) -> str:
    return f"_{capital[0].lower()}"


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None
