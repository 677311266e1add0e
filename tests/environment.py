"""The environment of every test process, fixed before Django reads its settings.

Loaded by ``-p tests.environment`` (pyproject.toml), which pytest imports before any other plugin
looks at the settings. Nothing of the developer's own shell reaches the tests: no data folder, no
database, no provider keys.
"""

import os
import shutil

import pytest

from tests.processes import unowned_scratch_folder

OURS = "AGENTSERVER_TESTS_"
_FOREIGN_NAMES = (
    "ALLOWED_HOSTS",
    "DATABASE_URL_FILE",
    "DEBUG",
    "DJANGO_SETTINGS_MODULE",
    "REDIS_URL_FILE",
    "SECRET_KEY",
    "SECRET_KEY_FILE",
)
_FOREIGN_PREFIXES = ("AGENTSERVER_", "OTEL_", "CELERY_", "PROMETHEUS_")


def current_leg() -> str:
    """``postgres`` when the runner handed us both services, else ``sqlite``."""
    both = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    return "postgres" if both and os.environ.get(f"{OURS}LEG") != "sqlite" else "sqlite"


def clean(environment: dict[str, str]) -> dict[str, str]:
    """The environment without anything that configures an agent server or a model provider."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(OURS)
        or not (
            name in _FOREIGN_NAMES
            or name.startswith(_FOREIGN_PREFIXES)
            or name.endswith(("_API_KEY", "_API_KEY_FILE"))
        )
    }


def _prepare() -> None:
    for name in set(os.environ) - set(clean(dict(os.environ))):
        del os.environ[name]
    if LEG == "sqlite":
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("REDIS_URL", None)
    # Inherited by the worker processes of pytest-xdist, which must not make a second folder.
    os.environ.setdefault(f"{OURS}DATA", unowned_scratch_folder())
    os.environ |= {
        "AGENTSERVER_DATA": os.environ[f"{OURS}DATA"],
        "SECRET_KEY": "a-key-that-is-only-ever-used-by-the-test-suite-of-this-project",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "NO_PROXY": "localhost,127.0.0.1",
    }


LEG = current_leg()
_prepare()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[f"{OURS}DATA"], ignore_errors=True)
