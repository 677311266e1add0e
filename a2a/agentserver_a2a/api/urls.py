"""The addresses of the A2A face, from the root of the server on."""

from typing import Any

from django.urls import URLPattern, include, path, register_converter
from django.urls.converters import StringConverter

from agentserver_a2a.api import views
from agentserver_a2a.api.card_view import CardView
from agentserver_a2a.api.rpc import RpcView


class TenantConverter(StringConverter):
    """What may be an agent: an address of REST with a slash at its end is no call of JSON-RPC."""

    regex = "(?!(?:tasks|message:send|message:stream|extendedAgentCard)/)[^/]+"


register_converter(TenantConverter, "a2a_tenant")


def _same_again() -> Any:
    """For clients that end the address of the JSON-RPC binding with a slash; not documented."""
    return RpcView.as_view(schema=None)


def _rest(prefix: str) -> list[URLPattern]:
    """Verbs of a task stand before the task: an id may hold colons as well."""
    task = f"{prefix}tasks/<str:task_id>"
    return [
        path(f"{prefix}message:send", views.SendView.as_view()),
        path(f"{prefix}message:stream", views.StreamView.as_view()),
        path(f"{prefix}extendedAgentCard", views.ExtendedCardView.as_view()),
        path(f"{prefix}tasks", views.TasksView.as_view()),
        path(f"{task}:cancel", views.CancelView.as_view()),
        path(f"{task}:subscribe", views.SubscribeView.as_view()),
        path(f"{task}/pushNotificationConfigs", views.PushConfigsView.as_view()),
        path(f"{task}/pushNotificationConfigs/<str:config_id>", views.PushConfigView.as_view()),
        path(task, views.TaskView.as_view()),
    ]


_operations = [
    path("", _same_again()),
    *_rest(""),
    *_rest("<str:tenant>/"),
    path("<str:tenant>", RpcView.as_view()),
    path("<a2a_tenant:tenant>/", _same_again()),
]

urlpatterns = [
    path(".well-known/agent-card.json", CardView.as_view()),
    path("v1/a2a", RpcView.as_view()),
    path("v1/a2a/", include(_operations)),
]
