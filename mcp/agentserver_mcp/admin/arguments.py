"""A form for the arguments of a tool, made from its schema."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from django import forms

from agentserver.core.admin.widgets import CheckboxInput, NumberInput
from config.admin import fields
from runs.tools.schema import InvalidSchema, problems

Schema = Mapping[str, Any]
_ALL = "arguments"
_NEVER_BLANK = (forms.ChoiceField, forms.IntegerField)


class ArgumentsForm(forms.Form):
    """One field for each argument; all of them as JSON where the schema names none. A blank field
    leaves its argument out. The whole is checked against the schema, as a model's call is."""

    def __init__(self, schema: Schema, *, data: Any = None) -> None:
        super().__init__(data)
        self._schema = dict(schema)
        members = schema.get("properties")
        self._names = list(members) if isinstance(members, Mapping) else []
        self._is_open = members is None and schema.get("additionalProperties") is not False
        for number, name in enumerate(self._names):
            made = _field(_resolved(members[name] if members else {}, schema))
            made.label = name
            # A blank text may be meant; what is really missing, the schema says.
            made.required = name in _required(schema) and isinstance(made, _NEVER_BLANK)
            self.fields[f"argument-{number}"] = made
        if self._is_open:
            self.fields[_ALL] = _json(dict, {"label": "Arguments", "required": False})

    def arguments(self) -> dict[str, Any]:
        if self._is_open:
            found = self.cleaned_data.get(_ALL)
            return found if isinstance(found, dict) else {}
        values = {}
        for number, name in enumerate(self._names):
            field = f"argument-{number}"
            value = self.cleaned_data.get(field)
            if self._is_given(name, value, self.fields[field]):
                values[name] = value
        return values

    def _is_given(self, name: str, value: Any, field: forms.Field) -> bool:
        if value is fields.LEAVE_OUT or value is None:
            return False
        if name in _required(self._schema) or isinstance(field, _AnyJson):
            return True
        member = self._schema["properties"][name]
        if value is False:
            # An empty box says something only where a full one is the rule.
            return isinstance(member, Mapping) and member.get("default") is True
        return value not in ("", [])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                reasons = problems(self._schema, self.arguments(), trusted=False)
            except InvalidSchema as error:
                reasons = [f"the tool's own schema is unusable: {error}"]
            for reason in reasons:
                self.add_error(None, reason)
        return cleaned


def _resolved(member: Any, schema: Schema) -> Schema:
    """A member behind one reference into the schema's own definitions, without its null branch and
    with one type at most. Schemas are a stranger's: anything may stand anywhere."""
    found: Any = member if isinstance(member, Mapping) else {}
    branches = _without_null(found.get("anyOf"), {"type": "null"})
    if len(branches) == 1 and isinstance(branches[0], Mapping):
        found = {**found, **branches[0]}
    reference, defined = str(found.get("$ref", "")), schema.get("$defs")
    if reference.startswith("#/$defs/") and isinstance(defined, Mapping):
        target = defined.get(reference.rpartition("/")[2])
        found = {**found, **target} if isinstance(target, Mapping) else found
    types = _without_null(found.get("type"), "null")
    result: Schema = {**found, "type": types[0]} if len(types) == 1 else found
    return result


def _without_null(listed: Any, null: Any) -> list[Any]:
    return [each for each in listed if each != null] if isinstance(listed, list) else []


def _required(schema: Schema) -> Collection[Any]:
    names = schema.get("required")
    return names if isinstance(names, list) else ()


def _field(member: Schema) -> forms.Field:
    options: dict[str, Any] = {
        "required": False,
        "help_text": str(member.get("description", "")),
        "initial": member.get("default"),
    }
    choices = member.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(each, str) for each in choices):
        return fields.Pick(options=[(each, each) for each in choices], **options)
    match member.get("type"):
        case "string":
            return fields.Text(nullable=False, **options)
        case "boolean":
            return forms.BooleanField(widget=CheckboxInput(), **options)
        case "integer":
            return forms.IntegerField(widget=NumberInput(), **options)
        case "number":
            return forms.FloatField(widget=NumberInput(attrs={"step": "any"}), **options)
        case "array":
            return _json(list, options)
        case "object":
            return _json(dict, options)
    return _any_json(options)


class _AnyJson(fields.JsonText):
    """For an argument that the schema gives no single type: whatever is written is meant."""


def _any_json(options: dict[str, Any]) -> forms.Field:
    hint = "Any JSON; a text in quotes"
    options["help_text"] = f"{options.get('help_text', '')} {hint}".strip()
    if options["initial"] is not None:
        options["initial"] = json.dumps(options["initial"], ensure_ascii=False)
    return _AnyJson(kind=object, nullable=True, **options)


def _json(kind: type, options: dict[str, Any]) -> forms.Field:
    hint = "A JSON list" if kind is list else "A JSON object"
    options["help_text"] = f"{options.get('help_text', '')} {hint}".strip()
    return fields.JsonText(kind=kind, nullable=True, **options)
