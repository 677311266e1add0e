"""Form widgets of the installed theme, under the names of Django's own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.forms import (
        CheckboxInput,
        CheckboxSelectMultiple,
        NumberInput,
        PasswordInput,
        Select,
        Textarea,
        TextInput,
    )
else:
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxSelectMultiple
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as NumberInput
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanSwitchWidget as CheckboxInput

__all__ = [
    "CheckboxInput",
    "CheckboxSelectMultiple",
    "NumberInput",
    "PasswordInput",
    "Select",
    "TextInput",
    "Textarea",
]
