"""Metrics that are counted when somebody asks for them.

An app registers a function in ``AppConfig.ready``. It is called once per scrape, in a thread that
may use the database, and returns metric families of prometheus_client.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

logger = logging.getLogger("agentserver.telemetry")

Collect = Callable[[], Iterable[Metric]]


class Collectors:
    """Named sources; one that fails is reported in ``agentserver_scrape_failed`` and left out."""

    def __init__(self) -> None:
        self._sources: dict[str, Collect] = {}

    def register(self, name: str, collect: Collect) -> None:
        self._sources[name] = collect

    def collect(self) -> Iterator[Metric]:
        failed = GaugeMetricFamily(
            "agentserver_scrape_failed",
            "1 for each source whose metrics are missing from this answer.",
            labels=["source"],
        )
        for name, source in tuple(self._sources.items()):
            found = _collected(name, source)
            failed.add_metric([name], float(found is None))
            yield from found or ()
        yield failed


def _collected(name: str, source: Collect) -> list[Metric] | None:
    try:
        return list(source())
    except Exception as error:
        # Whatever one source suffers from, the others must still be seen.
        logger.warning("metrics: %s failed: %s", name, type(error).__name__)
        return None


collectors = Collectors()
register = collectors.register
