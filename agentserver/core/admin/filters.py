"""Filters of lists; both kinds read a range of an index."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin import DateFieldListFilter as _DateRange
else:
    from unfold.contrib.filters.admin import RangeDateFilter as _DateRange


class DateRange(_DateRange):
    """From the beginning of one day to the end of another, in UTC; either may be left out."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        first, last = (self._day(end) for end in ("from", "to"))
        if first:
            queryset = queryset.filter((f"{self.field_path}__gte", first))
        if last:
            queryset = queryset.filter((f"{self.field_path}__lt", last + timedelta(days=1)))
        return queryset

    def _day(self, end: str) -> datetime | None:
        """Something that is no date does not narrow the list."""
        try:
            day = date.fromisoformat(str(self.used_parameters.get(f"{self.field_path}_{end}")))
        except ValueError:
            return None
        return datetime.combine(day, time(), UTC)


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
