"""The form of a document, and where on it an error of the service belongs."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms

from agentserver.core.admin.widgets import CheckboxInput
from agentserver.core.errors import ApiError
from config.admin.fields import LEAVE_OUT, SecretMap, SecretText
from config.admin.schema_fields import FieldMaker
from config.models import Entry
from config.schema import namespace_schema
from config.secret_members import names_below, pointer
from config.selectors import redacted_document

CLEAR = "__clear"
# What a sentence of the service is about, where it does not name the member itself.
_SUBJECTS: Final = (
    ("model not found", "model_id"),
    ("provider not found", "provider_id"),
    ("plugin not found", "plugin_ids"),
    ("agent not found", "delegates"),
    ("backend of delegate", "delegates"),
    ("section '", "sections"),
    ("provider adapter", "adapter"),
    ("requires a non-empty command", "command"),
    ("requires a non-empty url", "url"),
    ("already exists", "id"),
    ("missing 'id'", "id"),
    ("the id '", "id"),
    ("an id has", "id"),
)


class SchemaForm(forms.Form):
    """A document of ``namespace``; ``entry`` is the one to edit, None for a new one.

    `document` is what `config.services.put_entry` takes. A secret appears in it only when one was
    typed in, or when it is to be cleared.
    """

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *, namespace: str, entry: Entry | None, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data)
        self.entry = entry
        current = redacted_document(entry) if entry else {}
        self.members = []
        for name, field in FieldMaker(namespace_schema(namespace), current):
            self.fields[name] = field
            self.members.append(name)
            if isinstance(field, SecretText):
                self._offer_to_clear(name, field)
        self.fields["revision"].initial = entry.revision if entry else 0
        if entry:
            self.fields["id"].disabled = True

    def document(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[name] for name in self.members}
        for name in self.members:
            if self.cleaned_data.get(name + CLEAR):
                values[name] = {} if isinstance(self.fields[name], SecretMap) else None
        return {name: value for name, value in values.items() if value is not LEAVE_OUT}

    def show_error(self, error: ApiError) -> None:
        for name, message in place_errors(error, self.members):
            self.add_error(name, message)

    def stored_secrets(self, name: str) -> list[str]:
        """The names of the values that are stored for a secret member; never the values."""
        pointers = self.entry.secret_names if self.entry else []
        return ["a value"] * (pointer((name,)) in pointers) + names_below(pointers, (name,))

    def _offer_to_clear(self, name: str, field: SecretText) -> None:
        stored = self.stored_secrets(name)
        how = "NAME=value, one per line. " if isinstance(field, SecretMap) else ""
        if not stored:
            field.help_text = f"{how}Nothing is stored."
            return
        field.help_text = (
            f"{how}Stored: {', '.join(stored)}. Leave it blank to keep what is stored."
        )
        self.fields[name + CLEAR] = forms.BooleanField(
            required=False, label=f"Clear {str(field.label).lower()}", widget=CheckboxInput()
        )


def place_errors(error: ApiError, members: Iterable[str]) -> list[tuple[str | None, str]]:
    """``(member, message)`` for everything the error says; None for what concerns the whole."""
    names = list(members)
    issues = error.details.get("issues") or [{"path": "", "message": error.message}]
    return [_placed(issue["path"], issue["message"], names) for issue in issues]


def _placed(path: str, message: str, names: list[str]) -> tuple[str | None, str]:
    member, _, rest = path.partition(".")
    if member in names:
        return member, f"{rest}: {message}" if rest else message
    return _subject(message, names), f"{path}: {message}" if path else message


def _subject(message: str, names: list[str]) -> str | None:
    for phrase, name in _SUBJECTS:
        if phrase in message and name in names:
            return name
    mentioned = [word for word in re.findall(r"\w+", message) if word in names and "_" in word]
    return mentioned[0] if mentioned else None
