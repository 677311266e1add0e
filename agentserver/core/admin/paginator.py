"""Pages of large tables without counting them."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

MOST_ROWS = 1000


class BoundedPaginator(_Paginator):
    """Offers the first `MOST_ROWS` rows and knows whether there are more.

    One statement reads their primary keys, along the index that orders the list; a page then reads
    its rows by key. Nothing counts, and no wide column is read for a row that is not shown.
    """

    template_name = "admin/parts/pagination.html"

    @cached_property
    def keys(self) -> list[Any]:
        rows: Any = self.object_list
        return list(rows.values_list("pk", flat=True)[: MOST_ROWS + 1])

    @cached_property
    def count(self) -> int:
        return min(len(self.keys), MOST_ROWS)

    @property
    def has_more(self) -> bool:
        return len(self.keys) > MOST_ROWS

    def page(self, number: int | str) -> "Page[Any]":
        checked = self.validate_number(number)
        first = (checked - 1) * self.per_page
        keys = self.keys[first : min(first + self.per_page, MOST_ROWS)]
        rows: Any = self.object_list
        return Page(rows.filter(pk__in=keys), checked, self)
