"""Showing a plain form on the admin's form page."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.helpers import AdminErrorList

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin.helpers import AdminForm
else:
    from unfold.forms import AdminForm

Fieldsets = list[tuple[str | None, dict[str, Any]]]


def admin_form(form: forms.Form, fieldsets: Fieldsets, admin: "ModelAdmin[Any]") -> "AdminForm":
    plain: Any = form
    return AdminForm(plain, fieldsets, {}, (), model_admin=admin)


def error_list(form: forms.Form) -> AdminErrorList:
    """What the note above the form counts."""
    plain: Any = form
    return AdminErrorList(plain, [])
