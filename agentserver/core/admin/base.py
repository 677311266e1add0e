"""The base of all model admins: read-only and cheap unless one says otherwise."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from agentserver.core.admin.paginator import BoundedPaginator
from agentserver.core.admin.search import by_id

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _ModelAdmin = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin


class BaseAdmin(_ModelAdmin):
    """A list that stays fast on large tables, and rows that can only be looked at.

    `verbs` names what may be done besides: some of ``add``, ``change``, ``delete``, each of which
    needs the model permission of that name too. `payloads` are columns that the list does not read,
    `search_fields` are plain columns searched by their beginning, `live_channel` makes the list
    refresh itself when that channel of ``/events/`` says that something changed, and `empty_text`
    says what will stand here and how it comes to be.
    """

    verbs: ClassVar[frozenset[str]] = frozenset()
    payloads: ClassVar[tuple[str, ...]] = ()
    live_channel: ClassVar[str] = ""
    empty_text: ClassVar[str] = ""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    actions = None
    sortable_by: Any = ()
    list_filter_submit = True
    list_before_template = "admin/parts/live_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.payloads)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Model | None:
        """With all its columns, unlike the rows of the list."""
        rows = super().get_queryset(request)
        try:
            return rows.filter(pk=self.model._meta.pk.to_python(object_id)).first()
        except (ValueError, TypeError):
            return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return by_id(queryset, search_term, map(str, self.get_search_fields(request))), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "add" in self.verbs and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "change" in self.verbs and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "delete" in self.verbs and super().has_delete_permission(request, obj)

    def permission(self, action: str) -> str:
        """The name of the model permission ``view``, ``add``, ``change`` or ``delete``."""
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"
