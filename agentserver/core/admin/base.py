"""The base of all model admins: read-only and cheap unless one says otherwise."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from agentserver.core.admin.paginator import BoundedPaginator
from agentserver.core.admin.search import by_id

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin.views.main import ChangeList

    _ModelAdmin = ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.views import ChangeList


class BoundedList(ChangeList):
    """A list that says how many rows were found only where a search or a filter narrowed it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class BaseAdmin(_ModelAdmin):
    """A list that stays fast on large tables, and rows that can only be looked at.

    `verbs` names what may be done besides: some of ``add``, ``change``, ``delete``, each of which
    needs the model permission of that name too. `payloads` are columns that the list does not read,
    `search_fields` are plain columns searched by their beginning, `live_channels` (separated by
    spaces) are those of ``/events/`` at whose word the list refreshes itself, and `empty_text` says
    what will stand here and how it comes to be.
    """

    verbs: ClassVar[frozenset[str]] = frozenset()
    payloads: ClassVar[tuple[str, ...]] = ()
    live_channels: ClassVar[str] = ""
    empty_text: ClassVar[str] = ""

    paginator = BoundedPaginator
    show_full_result_count = False
    # The theme offers to count the rows behind each choice of a filter.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    actions = None
    sortable_by = ()
    list_filter_submit = True
    list_before_template = "admin/parts/live_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedList]:
        return BoundedList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.payloads)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Model | None:
        """With all its columns, unlike the rows of the list."""
        rows = super().get_queryset(request)
        try:
            return rows.filter(pk=self.model._meta.pk.to_python(object_id)).first()
        except (ValueError, TypeError, ValidationError):
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

    def missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A redirect to the start, with a message."""
        redirect: Any = super()
        found: HttpResponse = redirect._get_obj_does_not_exist_redirect(
            request, self.opts, unquote(object_id)
        )
        return found

    def permission(self, action: str) -> str:
        """The name of the model permission ``view``, ``add``, ``change`` or ``delete``."""
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"
