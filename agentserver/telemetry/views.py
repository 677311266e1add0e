"""``GET /metrics`` (native API, health and metrics)."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from rest_framework.request import Request

from agentserver.core.api.operation import Raw, operation
from agentserver.core.api.views import ApiView
from agentserver.core.errors import Forbidden
from agentserver.telemetry import processes
from agentserver.telemetry.collectors import collectors


class _Everything(Collector):
    """The instruments of this process, or of all that share a folder, and what is counted now."""

    def collect(self) -> Iterator[Metric]:
        yield from _instruments()
        yield from collectors.collect()


def _instruments() -> Iterable[Metric]:
    folder = processes.shared_folder()
    if folder is None:
        return REGISTRY.collect()
    processes.forget_dead(folder)
    return processes.all_processes(folder).collect()


class Metrics(ApiView):
    tag = "health"

    def scope_of(self, method: str) -> str | None:
        return None if settings.AGENTSERVER_METRICS_PUBLIC else super().scope_of(method)

    @operation(
        "Metrics",
        answers={200: Raw(CONTENT_TYPE_PLAIN_0_0_4, "The text format of Prometheus.")},
    )
    def get(self, request: Request) -> HttpResponse:
        """The metrics of the whole server. A key that is bound to one resource may not see them."""
        if getattr(request.auth, "resource_id", None) is not None:
            raise Forbidden("this key is bound to a resource, and metrics are not")
        return HttpResponse(generate_latest(_Everything()), content_type=CONTENT_TYPE_PLAIN_0_0_4)
