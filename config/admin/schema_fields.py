"""From the JSON Schema of a namespace to form fields."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms

from agentserver.core.admin.widgets import CheckboxInput, NumberInput
from config.adapters import SCRIPTED_ADAPTER, SUPPORTED_ADAPTERS
from config.admin import fields
from config.models import Entry
from config.namespaces import AGENTS, MODELS, PROVIDERS
from config.sections import PLUGINS

Schema = Mapping[str, Any]

_LONG: Final = frozenset({"system_prompt"})
_REFERENCES: Final = {"model_id": MODELS, "provider_id": PROVIDERS, "delegates": AGENTS}
_ACRONYMS: Final = {"id": "ID", "url": "URL", "api": "API", "usd": "USD", "ms": "(ms)"}
_ACRONYMS_LAST: Final = {"secs": "(seconds)"}


def label_of(name: str) -> str:
    words = [{**_ACRONYMS, **_ACRONYMS_LAST}.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


class FieldMaker:
    """Makes the fields of one document; ``current`` is the document as it is stored, {} if new."""

    def __init__(self, schema: Schema, current: Mapping[str, Any]) -> None:
        self._schema = schema
        self._current = current
        self._keys: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[tuple[str, forms.Field]]:
        for name, member in self._schema["properties"].items():
            yield name, self._field(name, member)

    def _field(self, name: str, member: Schema) -> forms.Field:
        branches = [self._resolved(branch) for branch in member.get("anyOf", [member])]
        nullable = any(branch.get("type") == "null" for branch in branches)
        found = [branch for branch in branches if branch.get("type") != "null"]
        options = {
            "required": name in self._schema.get("required", ()) and name not in _LONG,
            "label": label_of(name),
            "help_text": _help(member, found[0]),
            "initial": self._current.get(name, member.get("default")),
        }
        if member.get("writeOnly"):
            return _secret(found[0], options)
        if choices := self._choices(name):
            return _picked(found[0], choices, options)
        return _typed(name, found, nullable, options)

    def _resolved(self, branch: Schema) -> Schema:
        reference = branch.get("$ref", "")
        found: Schema = self._schema["$defs"][reference.rpartition("/")[2]] if reference else branch
        return found

    def _choices(self, name: str) -> list[tuple[str, str]]:
        """What a member may name, with what it names now even where that is gone."""
        if name == "adapter":
            known = [*SUPPORTED_ADAPTERS, SCRIPTED_ADAPTER]
        elif name == "plugin_ids":
            known = list(PLUGINS)
        elif name in _REFERENCES:
            known = self._keys_of(_REFERENCES[name])
        else:
            return []
        now = self._current.get(name) or []
        missing = [key for key in ([now] if isinstance(now, str) else now) if key not in known]
        return [*((key, key) for key in known), *((key, f"{key} (missing)") for key in missing)]

    def _keys_of(self, namespace: str) -> list[str]:
        rows = Entry.objects.visible().of_namespace(namespace).order_by("key")
        return list(rows.values_list("key", flat=True))


def _secret(branch: Schema, options: dict[str, Any]) -> forms.Field:
    options |= {"initial": None, "required": False}
    return fields.SecretMap(**options) if _is_object(branch) else fields.SecretText(**options)


def _picked(branch: Schema, choices: list[tuple[str, str]], options: dict[str, Any]) -> forms.Field:
    kind = fields.Picks if branch.get("type") == "array" else fields.Pick
    return kind(options=choices, **options)


def _typed(
    name: str, branches: list[Schema], nullable: bool, options: dict[str, Any]
) -> forms.Field:
    branch = branches[0]
    if len(branches) == 2 and branch.get("enum") and _is_object(branches[1]):
        member = next(iter(branches[1]["properties"]))
        return fields.WordOrAmount(member=member, words=branch["enum"], **options)
    if branch.get("enum"):
        return fields.Pick(options=[(word, word) for word in branch["enum"]], **options)
    match branch.get("type"):
        case "boolean":
            return forms.BooleanField(widget=CheckboxInput(), **{**options, "required": False})
        case "integer" | "number":
            return _number(branch, nullable, options)
        case "array":
            return _list(branch, nullable, options)
        case "object":
            rows = max(4, min(8, len(branch.get("properties", ()))))
            return fields.JsonText(kind=dict, nullable=nullable, rows=rows, **options)
    return fields.Text(nullable=nullable, long=name in _LONG, **options)


def _list(branch: Schema, nullable: bool, options: dict[str, Any]) -> forms.Field:
    if branch["items"].get("type") != "string":
        return fields.JsonText(kind=list, nullable=nullable, **options)
    return fields.OptionalLines(**options) if nullable else fields.Lines(**options)


def _number(branch: Schema, nullable: bool, options: dict[str, Any]) -> forms.Field:
    base: type[forms.IntegerField] = (
        forms.IntegerField if branch["type"] == "integer" else forms.FloatField
    )

    class Number(base):  # type: ignore[valid-type,misc]  # one class for both kinds of numbers
        def clean(self, value: Any) -> Any:
            found = super().clean(value)
            return fields.LEAVE_OUT if found is None and not nullable else found

    lowest = branch.get("minimum", branch.get("ge"))
    highest = branch.get("maximum", branch.get("le"))
    # A browser refuses fractions unless told otherwise.
    widget = NumberInput(attrs={"step": "any"} if base is forms.FloatField else None)
    return Number(min_value=lowest, max_value=highest, widget=widget, **options)


def _help(member: Schema, branch: Schema) -> str:
    text = str(member.get("description", ""))
    if branch.get("type") == "array":
        text = text.replace("null", "not set").replace("[]", "an empty list")
    properties = branch.get("properties")
    if not properties or member.get("writeOnly") or branch.get("enum"):
        return text
    required = set(branch.get("required", ()))
    names = [f"{name}*" if name in required else name for name in properties]
    hint = f"JSON with {', '.join(names)}" + (" (* required)" if required else "")
    return f"{text} {hint}".strip()


def _is_object(branch: Schema) -> bool:
    return branch.get("type") == "object"
