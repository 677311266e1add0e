"""Rows shown as pages of their own instead of as a form."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from agentserver.core.admin.base import BaseAdmin
from agentserver.core.admin.verbs import Verb, url_of

PART = "part"


class PageAdmin(BaseAdmin):
    """`page_template` shows one row, from `page_context`.

    With ``?part`` only `part_template` is rendered: the piece of the page that is replaced while it
    is open. `row_verbs` are what operators may do to a row, each under a URL of its own.
    """

    page_template: ClassVar[str]
    part_template: ClassVar[str] = ""

    def page_context(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:
        """What the templates are rendered with, besides ``row``."""
        raise NotImplementedError(type(self))

    def row_verbs(self) -> Sequence[Verb]:
        return ()

    def get_urls(self) -> list[URLPattern]:
        return [self._verb_url(verb) for verb in self.row_verbs()] + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None:
            raise PermissionDenied
        return self._page(request, object_id, extra_context or {})

    def _page(self, request: HttpRequest, object_id: str, extra: Mapping[str, Any]) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self.missing(request, object_id)
        context = {"row": row, "original": row, "opts": self.opts, **extra}
        if PART in request.GET and self.part_template:
            context |= self.page_context(request, row)
            return TemplateResponse(request, self.part_template, context)
        context = {**self.admin_site.each_context(request), "title": str(row), **context}
        context |= self.page_context(request, row)
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.page_template, context)

    def _verb_url(self, verb: Verb) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return verb.view(request, unquote(object_id), back=self.list_url())

        return url_of(verb, self._url_name(verb.name), self.admin_site.admin_view(view))

    def list_url(self) -> str:
        return reverse(f"admin:{self._url_name('changelist')}")

    def verb_link(self, name: str, key: object) -> str:
        return reverse(f"admin:{self._url_name(name)}", args=[quote(str(key))])

    def page_link(self, key: object) -> str:
        return self.verb_link("change", key)

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"
