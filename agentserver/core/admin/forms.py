"""Showing a plain form on the admin's form page."""

from typing import TYPE_CHECKING, Any

from django import forms

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin.helpers import AdminForm
else:
    from unfold.forms import AdminForm

Fieldsets = list[tuple[str | None, dict[str, Any]]]


def admin_form(form: forms.Form, fieldsets: Fieldsets, admin: "ModelAdmin[Any]") -> "AdminForm":
    unbound: Any = form
    return AdminForm(unbound, fieldsets, {}, (), model_admin=admin)
