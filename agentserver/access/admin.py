"""API keys, and the people who may sign in here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from agentserver.access.models import ApiKey
from agentserver.access.principal import SCOPES
from agentserver.access.services import PREFIX, create_key, disable_key
from agentserver.core.admin import BaseAdmin, PageAdmin, Verb
from agentserver.core.admin.cells import ago, badge
from agentserver.core.admin.forms import admin_form, error_list
from agentserver.core.admin.widgets import CheckboxSelectMultiple, NumberInput, TextInput
from agentserver.core.clock import now
from agentserver.core.errors import BadRequest, NotFound
from agentserver.core.ids import MAX_LENGTH, optional_id

if TYPE_CHECKING:
    from django.contrib.auth.forms import (
        AdminPasswordChangeForm,
        UserChangeForm,
        UserCreationForm,
    )

    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

_SCOPE_TITLES = {
    "read": "read: threads, runs and their events",
    "run": "run: start, steer, decide and cancel",
    "config": "config: agents, models, providers, MCP servers",
    "admin": "admin: everything",
}


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=MAX_LENGTH, widget=TextInput(), help_text="What the key is for"
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, _SCOPE_TITLES[scope]) for scope in SCOPES],
        widget=CheckboxSelectMultiple(),
        initial=["read", "run"],
    )
    resource_id = forms.CharField(
        required=False,
        max_length=MAX_LENGTH,
        widget=TextInput(),
        label="Resource",
        help_text="Binds the key to one resource: its holder sees nothing else",
    )
    expires_in_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=36_500,
        widget=NumberInput(),
        label="Expires in (days)",
        help_text="Blank: never",
    )

    def clean_resource_id(self) -> str:
        try:
            return optional_id(self.cleaned_data["resource_id"], what="resource id") or ""
        except BadRequest as error:
            raise forms.ValidationError(error.message) from None


@admin.register(ApiKey)
class ApiKeyAdmin(PageAdmin):
    """Keys are made and disabled, never deleted: what a key did stays explicable."""

    page_template = "admin/access/key.html"
    verbs = frozenset({"add"})
    payloads = ("digest",)
    list_display = ("name", "public", "state", "scope_names", "resource_id", "expires", "used",
                    "made")  # fmt: skip
    search_fields = ("key", "name")
    search_help_text = "The public part of a key or a name, or its beginning"
    ordering = ("-created_at", "-id")
    empty_text = "Programs sign in with keys. The secret of a key is shown once, when it is made."

    @admin.display(description="Key")
    def public(self, key: ApiKey) -> str:
        return f"{PREFIX}{key.key}"

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.disabled:
            return badge("disabled", "bad")
        expired = key.expires_at is not None and key.expires_at <= now()
        return badge("expired", "wait") if expired else badge("active", "ok")

    @admin.display(description="Scopes")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="Expires")
    def expires(self, key: ApiKey) -> str:
        return ago(key.expires_at)

    @admin.display(description="Last used")
    def used(self, key: ApiKey) -> str:
        return ago(key.last_used_at)

    @admin.display(description="Made")
    def made(self, key: ApiKey) -> str:
        return ago(key.created_at)

    def page_context(self, request: HttpRequest, row: ApiKey) -> Mapping[str, Any]:
        facts = [
            ("Key", self.public(row)),
            ("Scopes", self.scope_names(row)),
            ("Resource", row.resource_id or "any"),
            ("Expires", self.expires(row)),
            ("Last used", self.used(row)),
            ("Made", self.made(row)),
        ]
        return {
            "title": row.name,
            "badge": self.state(row),
            "facts": facts,
            "may_disable": not row.disabled and request.user.has_perm(self.permission("change")),
            "disable_url": self.verb_link("disable", row.pk),
            "page_url": self.page_link(row.pk),
        }

    # --- making one -----------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            return self._made(request, form)
        return self._form_page(request, form)

    def _made(self, request: HttpRequest, form: KeyForm) -> HttpResponse:
        """The answer to the POST itself holds the secret: it is kept nowhere, not in a session."""
        row, token = create_key(**form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "API key made",
            "original": row,
            "token": token,
            "list_url": self.list_url(),
        }
        return TemplateResponse(
            request, "admin/access/key_made.html", context, headers={"Cache-Control": "no-store"}
        )

    def _form_page(self, request: HttpRequest, form: KeyForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Add API key",
            "adminform": admin_form(form, [(None, {"fields": list(form.fields)})], self),
            "object_id": None,
            "original": None,
            "is_popup": False,
            "to_field": None,
            "media": self.media + form.media,
            "inline_admin_formsets": [],
            "errors": error_list(form),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return self.render_change_form(request, context, add=True)

    # --- verbs ----------------------------------------------------------------------------------

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("disable", self.permission("change"), self._disable)]

    def _disable(self, request: HttpRequest, key: str) -> str:
        row = ApiKey.objects.filter(pk=int(key) if key.isdecimal() else 0).first()
        if row is None or not disable_key(key=row.key):
            raise NotFound("this key is disabled already")
        return f"{row} no longer opens anything."


admin.site.unregister(User)
admin.site.unregister(Group)


class _People(BaseAdmin):
    """Django's own rows, written by Django's own forms."""

    verbs = frozenset({"add", "change", "delete"})

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return self.get_list_display(request)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return super(BaseAdmin, self).get_search_results(request, queryset, search_term)


@admin.register(User)
class PeopleAdmin(_People, _UserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    empty_text = "manage.py createsuperuser makes the first one."


@admin.register(Group)
class GroupsAdmin(_People, GroupAdmin):
    empty_text = "A group gives the same permissions to several people."
