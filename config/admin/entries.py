"""The documents of each namespace: lists, forms made from the schema, deletion."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from agentserver.core.admin import BaseAdmin
from agentserver.core.admin.cells import NOTHING, ago, badge, link
from agentserver.core.admin.forms import Fieldsets, admin_form, error_list
from agentserver.core.admin.verbs import actor_of
from agentserver.core.errors import ApiError
from config.admin.forms import CLEAR, SchemaForm
from config.admin.proxies import Agent, McpServer, ModelBinding, Provider
from config.models import Entry
from config.namespaces import AGENTS, MCP_SERVERS, MODELS, PROVIDERS
from config.services import delete_entry, put_entry


class EntryAdmin(BaseAdmin):
    """`basics` are the members that stand first on the form; the others follow, folded away.

    The writes are `config.services.put_entry` and `delete_entry` in the name of the signed-in user,
    with the revision that the form was made from: a change in between is refused.
    """

    namespace: ClassVar[str]
    basics: ClassVar[tuple[str, ...]]
    shown: ClassVar[tuple[tuple[str, str], ...]]

    verbs = frozenset({"add", "change", "delete"})
    payloads = ("secrets", "base", "overrides")
    search_fields = ("key",)
    search_help_text = "An id or its beginning"
    ordering = ("key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return super().get_queryset(request).filter(namespace=self.namespace, hidden=False)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Entry | None:
        found = super().get_object(request, object_id, from_field)
        if not isinstance(found, Entry) or found.hidden or found.namespace != self.namespace:
            return None
        return found

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return ["name", *map(_member_column, self.shown), "origin", "revision", "changed"]

    @admin.display(description="ID")
    def name(self, entry: Entry) -> str:
        return entry.key

    @admin.display(description="Source")
    def origin(self, entry: Entry) -> str:
        return badge(entry.source, "none" if entry.source == "builtin" else "busy")

    @admin.display(description="Changed")
    def changed(self, entry: Entry) -> str:
        return ago(entry.updated_at)

    # --- the form -------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        entry = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id and entry is None:
            return self.missing(request, object_id)
        self._check(request, entry)
        data = request.POST if request.method == "POST" else None
        form = SchemaForm(namespace=self.namespace, entry=entry, data=data)
        stored = self._stored(request, form)
        if stored is None:
            return self._form_page(request, form, entry)
        row = self.model.objects.get(pk=stored.pk)
        return self.response_change(request, row) if entry else self.response_add(request, row)

    def _check(self, request: HttpRequest, entry: Entry | None) -> None:
        if entry is None:
            allowed = self.has_add_permission(request)
        elif request.method == "POST":
            allowed = self.has_change_permission(request, entry)
        else:
            allowed = self.has_view_or_change_permission(request, entry)
        if not allowed:
            raise PermissionDenied

    def _stored(self, request: HttpRequest, form: SchemaForm) -> Entry | None:
        """The entry once it is stored and published; None while there is something to correct."""
        if not form.is_bound or not form.is_valid():
            return None
        try:
            return put_entry(
                namespace=self.namespace,
                document=form.document(),
                actor=actor_of(request),
                expected_revision=form.cleaned_data["revision"] if form.entry else None,
                create_only=form.entry is None,
            )
        except ApiError as error:
            form.show_error(error)
            return None

    def _form_page(
        self, request: HttpRequest, form: SchemaForm, entry: Entry | None
    ) -> HttpResponse:
        if entry and not self.has_change_permission(request, entry):
            for field in form.fields.values():
                field.disabled = True
        shown = admin_form(form, self._fieldsets(form), self)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Change {self.opts.verbose_name}"
            if entry
            else f"Add {self.opts.verbose_name}",
            "adminform": shown,
            "object_id": entry and entry.pk,
            "original": entry,
            "is_popup": False,
            "to_field": None,
            "media": self.media + form.media,
            "inline_admin_formsets": [],
            "errors": error_list(form),
            "show_history": bool(entry),
        }
        return self.render_change_form(
            request, context, add=entry is None, change=entry is not None, obj=entry
        )

    def _fieldsets(self, form: SchemaForm) -> Fieldsets:
        rest = [name for name in form.members if name not in self.basics]
        folded = not any(name in form.errors for name in rest)
        return [
            (None, {"fields": ["revision", *_with_clearing(form, self.basics)]}),
            (
                "More settings",
                {
                    "fields": _with_clearing(form, rest),
                    "classes": ["collapse"] if folded else [],
                },
            ),
        ]

    # --- deletion and history -------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, dict(extra_context or {}))
        except ApiError as error:
            messages.error(request, _refusal(error))
            return HttpResponseRedirect(self._url("change", object_id))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Documents are refused deletion while others need them: nothing goes along."""
        return [str(entry.key) for entry in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: Entry) -> None:
        delete_entry(namespace=self.namespace, key=obj.key, actor=actor_of(request))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The history of the document says it already."""
        return []

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        entry = self.get_object(request, unquote(object_id))
        key = entry.key if entry else unquote(object_id)
        query = urlencode({"namespace__exact": self.namespace, "q": key})
        return HttpResponseRedirect(f"{reverse('admin:config_entryrevision_changelist')}?{query}")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def _url(self, name: str, *arguments: object) -> str:
        return reverse(f"admin:config_{self.opts.model_name}_{name}", args=arguments)


def _with_clearing(form: SchemaForm, names: Any) -> list[str]:
    """Each name, followed by the checkbox that clears it where it is a stored secret."""
    wanted = [each for name in names for each in (name, name + CLEAR)]
    return [name for name in wanted if name in form.fields]


def _refusal(error: ApiError) -> str:
    users = [f"{each['namespace']}/{each['id']}" for each in error.details.get("used_by", ())]
    return f"{error.message}: {', '.join(users)}" if users else error.message


def _member_column(shown: tuple[str, str]) -> Callable[[Entry], Any]:
    """A column for a member of the document; of a referenced document, a link to its list."""
    name, title = shown

    @admin.display(description=title)
    def column(entry: Entry) -> Any:
        value = entry.spec.get(name)
        if isinstance(value, str) and name in _LINKED:
            return link(f"{reverse(_LINKED[name])}?{urlencode({'q': value})}", value)
        return NOTHING if value is None else value

    column.__name__ = name
    return column


_LINKED = {
    "model_id": "admin:config_modelbinding_changelist",
    "provider_id": "admin:config_provider_changelist",
}


@admin.register(Agent)
class AgentAdmin(EntryAdmin):
    namespace = AGENTS
    basics = ("id", "description", "model_id", "system_prompt", "allowed_tools", "delegates")
    shown = (("model_id", "Model"), ("description", "Description"))
    empty_text = "An agent is a model with instructions and tools: first a provider, then a model."


@admin.register(ModelBinding)
class ModelAdmin(EntryAdmin):
    namespace = MODELS
    basics = (
        "id",
        "provider_id",
        "upstream_model",
        "input_token_price_per_million_usd",
        "output_token_price_per_million_usd",
    )
    shown = (("provider_id", "Provider"), ("upstream_model", "Upstream model"))
    empty_text = "A model binds an id that agents use to a model of a provider."


@admin.register(Provider)
class ProviderAdmin(EntryAdmin):
    namespace = PROVIDERS
    basics = ("id", "adapter", "api_key", "base_url")
    shown = (("adapter", "Adapter"), ("base_url", "Base URL"))
    empty_text = "A provider is where models are reached: an adapter, an address, a key."


@admin.register(McpServer)
class McpServerAdmin(EntryAdmin):
    namespace = MCP_SERVERS
    basics = ("id", "transport", "command", "args", "url", "env", "headers", "auth")
    shown = (("transport", "Transport"), ("command", "Command"), ("url", "URL"))
    empty_text = "An MCP server offers tools to agents; it runs here or answers at a URL."
