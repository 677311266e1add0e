"""What every test may use, and how one leg of the suite is put together.

A *leg* is one set of services under the same tests: ``sqlite`` (SQLite, in-process broker and
live channel) or ``postgres`` (Postgres, Redis, Celery worker processes). ``@pytest.mark.leg(name)``
keeps a test to one leg; on the other it is deselected.
"""

import os
import signal
from types import FrameType

import hypothesis
import pytest

from tests import economy
from tests.environment import LEG
from tests.strictness import NoSkips

pytest_plugins = ["tests.engine_fixture", "tests.live.server"]

LEGS = {"sqlite", "postgres"}


def pytest_configure(config: pytest.Config) -> None:
    economy.install()
    _give_time()
    is_worker = hasattr(config, "workerinput")
    if not is_worker:
        # A polite kill must unwind the fixtures, which own server processes.
        signal.signal(signal.SIGTERM, _interrupt)
    if os.environ.get("AGENTSERVER_TESTS_NO_SKIP") and not is_worker:
        config.pluginmanager.register(NoSkips(), "no-skips")


def _give_time() -> None:
    """How long an example takes is the machine's affair, not the test's."""
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "unhurried", hypothesis.settings.default, deadline=None, suppress_health_check=slow
    )
    hypothesis.settings.load_profile("unhurried")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def pytest_report_header() -> str:
    return f"leg: {LEG}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = [item for item in items if not _runs_here(item)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


def _runs_here(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("leg")
    if marker is None:
        return True
    if len(marker.args) != 1 or marker.args[0] not in LEGS:
        raise pytest.UsageError(f"{item.nodeid}: leg() takes one of {', '.join(sorted(LEGS))}")
    return bool(marker.args[0] == LEG)


@pytest.fixture(scope="session")
def leg() -> str:
    return LEG
