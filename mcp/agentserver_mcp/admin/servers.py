"""MCP servers as discovery sees them: their state, their tools, and trying one."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from agentserver.core.admin import PageAdmin, Verb
from agentserver.core.admin.cells import NOTHING, ago, badge, button
from agentserver_mcp.admin.arguments import ArgumentsForm
from agentserver_mcp.client.lookup import restart_server
from agentserver_mcp.client.source import is_offered, waits_for_approval
from agentserver_mcp.client.trial import Trial, try_tool
from agentserver_mcp.models import ServerCatalog, ServerInventory
from config import registry as registries
from threads.admin.conversation import pretty

_LONGEST_CELL = 80
_RESTART = "End all connections to this server and begin anew?"


@admin.register(ServerCatalog)
class ServerCatalogAdmin(PageAdmin):
    """`restart` ends the connections of every worker; a tool can be tried by who may restart."""

    page_template = "admin/mcp/server.html"
    try_template = "admin/mcp/try.html"
    payloads = ("problems",)
    list_display = ("name", "state_cell", "tools", "error", "success", "due", "verbs_cell")
    list_display_links = ("name",)
    search_fields = ("server_id",)
    search_help_text = "The id of a server or its beginning"
    ordering = ("server_id",)
    empty_text = (
        "Servers appear here once a worker has looked after them. Configure one under MCP servers."
    )

    @admin.display(description="Server")
    def name(self, row: ServerCatalog) -> str:
        return row.server_id

    @admin.display(description="State")
    def state_cell(self, row: ServerCatalog) -> str:
        return state_badge(row)

    @admin.display(description="Tools")
    def tools(self, row: ServerCatalog) -> int:
        return row.tool_count

    @admin.display(description="Last error")
    def error(self, row: ServerCatalog) -> str:
        text = row.last_error
        return (f"{text[:_LONGEST_CELL]}…" if len(text) > _LONGEST_CELL else text) or NOTHING

    @admin.display(description="Last success")
    def success(self, row: ServerCatalog) -> str:
        return ago(row.last_success_at)

    @admin.display(description="Next attempt")
    def due(self, row: ServerCatalog) -> str:
        return ago(row.next_attempt_at)

    @admin.display(description="Do")
    def verbs_cell(self, row: ServerCatalog) -> SafeString:
        return button(self.verb_link("restart", row.pk), "Restart", confirm=_RESTART)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return self.list_display if self._may_act(request) else self.list_display[:-1]

    def _may_act(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(self.permission("change")))

    # --- one server -----------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, row: ServerCatalog) -> Mapping[str, Any]:
        inventory = ServerInventory.objects.filter(pk=row.pk).first() or ServerInventory()
        return {
            "title": row.server_id,
            "badge": state_badge(row),
            "facts": _facts(row),
            "tools": [self._tool(request, row, entry) for entry in inventory.tools],
            "prompts": inventory.prompts,
            "resources": [
                {"name": each["name"], "address": each.get("uri") or each["uriTemplate"]}
                for each in (*inventory.resources, *inventory.templates)
            ],
            "may_act": self._may_act(request),
            "restart_url": self.verb_link("restart", row.pk),
            "restart_question": _RESTART,
            "page_url": self.page_link(row.pk),
            "document_url": _document_url(row.server_id),
        }

    def _tool(self, request: HttpRequest, row: ServerCatalog, entry: dict[str, Any]) -> Any:
        spec = registries.current().mcp_servers.get(row.server_id)
        return {
            **entry,
            "offered": spec is not None and is_offered(spec, entry["name"]),
            "approval": spec is not None and waits_for_approval(spec, entry["name"]),
            "schema": pretty(entry["inputSchema"]),
            "try_url": reverse("admin:mcp_servercatalog_try", args=[quote(row.pk), entry["id"]]),
        }

    def row_verbs(self) -> Sequence[Verb]:
        return [Verb("restart", self.permission("change"), self._restart)]

    def _restart(self, request: HttpRequest, key: str) -> str:
        restart_server(key)
        return f"{key} is being restarted."

    # --- trying a tool --------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        name = "mcp_servercatalog_try"
        return [path("<path:object_id>/try/<str:tool_id>/", view, name=name), *super().get_urls()]

    def try_view(self, request: HttpRequest, object_id: str, tool_id: str) -> HttpResponse:
        """GET shows the form of the tool's arguments, POST calls it and shows what it answers."""
        if not self._may_act(request):
            raise PermissionDenied
        inventory = ServerInventory.objects.filter(pk=unquote(object_id)).first()
        tools = inventory.tools if inventory else []
        entry = next((tool for tool in tools if tool["id"] == tool_id), None)
        if inventory is None or entry is None:
            raise Http404("this server offers no such tool")
        data = request.POST if request.method == "POST" else None
        form = ArgumentsForm(entry["inputSchema"], data=data)
        trial = None
        if form.is_bound and form.is_valid():
            trial = try_tool(inventory.pk, entry["name"], form.arguments())
        return self._try_page(request, inventory.pk, entry, form, trial)

    def _try_page(
        self,
        request: HttpRequest,
        server_id: str,
        entry: dict[str, Any],
        form: ArgumentsForm,
        trial: Trial | None,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Try {entry['name']}",
            "server_id": server_id,
            "server_url": self.page_link(server_id),
            "tool": entry,
            "form": form,
            "media": self.media + form.media,
            "trial": trial,
            "texts": _texts(trial),
            "images": _images(trial),
            "answer": pretty(_without_bytes(trial.result)) if trial and trial.result else "",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.try_template, context)


def state_badge(row: ServerCatalog) -> str:
    if row.permanently_failed:
        return badge("given up", "bad")
    kinds = {"connected": "ok", "failed": "wait", "pending": "none"}
    return badge("reconnecting" if row.reconnecting else row.state, kinds[row.state])


def _facts(row: ServerCatalog) -> list[tuple[str, Any]]:
    return [
        ("Tools", row.tool_count),
        ("Protocol", row.protocol_version or NOTHING),
        ("Last success", ago(row.last_success_at)),
        ("Last attempt", ago(row.last_attempt_at)),
        ("Next attempt", ago(row.next_attempt_at)),
        ("Failures in a row", row.consecutive_failures),
        ("Connected", ago(row.last_init_at)),
        ("Sessions so far", row.session_generation),
    ]


def _document_url(server_id: str) -> str:
    return f"{reverse('admin:config_mcpserver_changelist')}?q={server_id}"


def _blocks(trial: Trial | None, kind: str) -> list[dict[str, Any]]:
    content = (trial.result or {}).get("content", []) if trial else []
    return [block for block in content if block.get("type") == kind]


def _texts(trial: Trial | None) -> list[str]:
    return [str(block["text"]) for block in _blocks(trial, "text")]


def _images(trial: Trial | None) -> list[str]:
    """As ``data:`` addresses; of kinds that cannot carry a script."""
    shown = {"image/png", "image/jpeg", "image/gif", "image/webp"}
    return [
        f"data:{block['mimeType']};base64,{block['data']}"
        for block in _blocks(trial, "image")
        if block.get("mimeType") in shown
    ]


def _without_bytes(value: Any) -> Any:
    """The answer for people: the length of what is only bytes."""
    if isinstance(value, dict):
        return {
            name: f"({len(member)} characters of Base64)"
            if name in {"data", "blob"} and isinstance(member, str)
            else _without_bytes(member)
            for name, member in value.items()
        }
    return [_without_bytes(item) for item in value] if isinstance(value, list) else value
