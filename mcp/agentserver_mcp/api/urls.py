from django.urls import path

from agentserver_mcp.api.views import ServerView

urlpatterns = [path("mcp", ServerView.as_view())]
