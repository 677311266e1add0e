"""Filters of lists; both kinds read a range of an index."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin import DateFieldListFilter as DateRange
else:
    from unfold.contrib.filters.admin import RangeDateFilter as DateRange

__all__ = ["ChoiceFilter", "DateRange"]


class ChoiceFilter(SimpleListFilter):
    """One value of a column, out of `options`; what is chosen is compared, nothing is listed from
    the table itself."""

    column: str

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        """``(value, title)`` of each choice."""
        raise NotImplementedError(type(self))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return self.options(request)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.column: value})
