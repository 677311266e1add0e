"""Form fields for the members of a document, each between JSON and what a person types.

A field's `clean` returns a JSON value, or `LEAVE_OUT` where the member is to be absent: the service
then fills in its default, or keeps the secret that is stored.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from agentserver.core.admin.widgets import (
    CheckboxSelectMultiple,
    PasswordInput,
    Select,
    Textarea,
    TextInput,
)

LEAVE_OUT: Final = object()
_MONOSPACE = {"class": "as-code-input", "spellcheck": "false", "autocomplete": "off"}


def _textarea(rows: int, **attrs: str) -> forms.Textarea:
    widget = Textarea(attrs={"rows": rows})
    widget.attrs["class"] = f"{widget.attrs.get('class', '')} {attrs.pop('class', '')}"
    widget.attrs |= attrs
    return widget


class Text(forms.CharField):
    """A blank one is null where null is allowed, else an empty text."""

    def __init__(self, *, nullable: bool, long: bool = False, **options: Any) -> None:
        widget = _textarea(12) if long else TextInput()
        super().__init__(widget=widget, empty_value=None if nullable else "", **options)


class Pick(forms.ChoiceField):
    """One of some texts; the blank choice leaves the member out."""

    def __init__(self, *, options: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(choices=[("", "Choose …"), *options], widget=Select(), **kwargs)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or LEAVE_OUT


class Picks(forms.MultipleChoiceField):
    def __init__(self, *, options: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(choices=options, widget=CheckboxSelectMultiple(), **kwargs)


class Lines(forms.CharField):
    """A list of texts, one on each line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=_textarea(3, **_MONOSPACE), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]


class _OptionalLinesWidget(forms.MultiWidget):
    def __init__(self) -> None:
        modes = Select(choices=[("", "Not set"), ("list", "Only these, one per line")])
        names = _textarea(3, **{**_MONOSPACE, "class": f"{_MONOSPACE['class']} as-second"})
        super().__init__([modes, names])

    def decompress(self, value: Any) -> list[str]:
        return _parts(value)


def _parts(value: Any) -> list[str]:
    return ["", ""] if value is None else ["list", "\n".join(value)]


class OptionalLines(forms.MultiValueField):
    """A list that may be null, which means something else than an empty one."""

    def __init__(self, **options: Any) -> None:
        fields = (forms.CharField(required=False), Lines(required=False))
        # A widget of several parts takes a list for its parts, not for a value to take apart.
        options["initial"] = _parts(options.get("initial"))
        super().__init__(fields, widget=_OptionalLinesWidget(), require_all_fields=False, **options)

    def clean(self, value: Any) -> list[str] | None:
        mode, text = value or ("", "")
        lines: list[str] = self.fields[1].clean(text)
        if lines and not mode:
            raise ValidationError("Choose “Only these” or empty the list.")
        return lines if mode else None


class JsonText(forms.CharField):
    """Anything with a structure: an object or a list, written as JSON."""

    def __init__(self, *, kind: type, nullable: bool, rows: int = 4, **options: Any) -> None:
        self._kind, self._nullable = kind, nullable
        super().__init__(widget=_textarea(rows, **_MONOSPACE), **options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return "" if value in (None, {}, []) else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None if self._nullable else LEAVE_OUT
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"This is not JSON: {error}") from None
        if found is None and self._nullable:
            return None
        if not isinstance(found, self._kind):
            raise ValidationError(
                f"This must be {'an object' if self._kind is dict else 'a list'}."
            )
        return found


class WordOrAmount(forms.CharField):
    """One of some words, or a whole number that becomes the only member of an object."""

    def __init__(self, *, member: str, words: list[str], **options: Any) -> None:
        self._member, self._words = member, words
        hint = f"{', '.join(words)}, or a number ({member})"
        super().__init__(widget=TextInput(attrs={"placeholder": hint}), **options)

    def prepare_value(self, value: Any) -> Any:
        return value.get(self._member) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text.isascii() and text.isdecimal():
            return {self._member: int(text)}
        return text or None


class SecretText(forms.CharField):
    """Never shown; a blank one keeps what is stored."""

    def __init__(self, **options: Any) -> None:
        widget = PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False)
        super().__init__(widget=widget, **options)

    def prepare_value(self, value: Any) -> str:
        return ""

    def clean(self, value: Any) -> Any:
        return super().clean(value) or LEAVE_OUT


class SecretMap(SecretText):
    """Names with secret values, ``NAME=value`` on each line; as a whole kept or replaced."""

    def __init__(self, **options: Any) -> None:
        forms.CharField.__init__(self, widget=_textarea(3, **_MONOSPACE), **options)

    def clean(self, value: Any) -> Any:
        text = forms.CharField.clean(self, value)
        pairs = [line.strip().partition("=") for line in text.splitlines() if line.strip()]
        if any(not sign or not name.strip() for name, sign, _ in pairs):
            raise ValidationError("Write NAME=value on each line.")
        return {name.strip(): secret for name, _, secret in pairs} or LEAVE_OUT
