from django.urls import path

from agentserver.core.api.docs import OpenApiJson, OpenApiYaml, redoc, swagger
from agentserver.core.api.health import Health, Live

urlpatterns = [
    path("health", Health.as_view()),
    path("health/live", Live.as_view()),
    path("v1/openapi.json", OpenApiJson.as_view(), name="openapi-json"),
    path("v1/openapi.yaml", OpenApiYaml.as_view(), name="openapi-yaml"),
    path("docs", swagger, name="swagger"),
    path("redoc", redoc, name="redoc"),
]
