from django.urls import path

from agentserver.core.api.health import Health, Live

urlpatterns = [
    path("health", Health.as_view()),
    path("health/live", Live.as_view()),
]
