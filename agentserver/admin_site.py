"""How the admin looks and what its menu holds: the setting ``UNFOLD``.

Everything here is a name, a link that is resolved later or a permission; nothing is imported from
an app, so that settings can be read before any app is loaded.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

Item = dict[str, Any]


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return bool(request.user.has_perm(permission))

    return allowed


def _file(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(f"agentserver/{name}")


def _item(title: str, icon: str, model: str, **more: Any) -> Item:
    """``model``: ``<app label>.<model name>``; shown to those who may see its rows."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _may(f"{app}.view_{name}"),
        **more,
    }


NAVIGATION: list[Item] = [
    {
        "title": "Operation",
        "items": [
            {"title": "Dashboard", "icon": "monitoring", "link": reverse_lazy("admin:index")},
            _item("Threads", "forum", "threads.thread"),
            _item("Runs", "play_circle", "runs.run"),
            _item("Mailbox", "inbox", "runs.job"),
            _item("Approvals", "approval", "runs.toolcall", badge="runs.admin.badge.waiting"),
            _item("Webhooks", "webhook", "a2a.pushconfig", badge="agentserver_a2a.admin.given_up"),
        ],
    },
    {
        "title": "Configuration",
        "separator": True,
        "items": [
            _item("Agents", "smart_toy", "config.agent"),
            _item("Models", "neurology", "config.modelbinding"),
            _item("Providers", "cloud", "config.provider"),
            _item("MCP servers", "extension", "config.mcpserver"),
            _item("MCP connections", "cable", "mcp.servercatalog"),
            _item("Revisions", "history", "config.entryrevision"),
            _item("Published versions", "inventory_2", "config.snapshot"),
        ],
    },
    {
        "title": "Access",
        "separator": True,
        "items": [
            _item("API keys", "key", "access.apikey"),
            _item("Users", "person", "auth.user"),
            _item("Groups", "group", "auth.group"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "agentserver",
    "SITE_HEADER": "agentserver",
    "SITE_SUBHEADER": "Operations",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("icon.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "runs.admin.dashboard.fill",
    "STYLES": [_file("admin.css")],
    "SCRIPTS": [_file("admin.js")],
    "SIDEBAR": {"navigation": NAVIGATION},
}
