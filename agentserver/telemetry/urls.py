from django.urls import path

from agentserver.telemetry.views import Metrics

urlpatterns = [path("metrics", Metrics.as_view())]
