"""The environment of every test process, fixed before Django reads its settings.

Loaded by ``-p tests.environment`` (pyproject.toml), which pytest imports before any other plugin
looks at the settings. Nothing that configures an agent server reaches the tests from the
developer's own shell: no setting, no data folder, no database, no provider's key or address.
"""

import os
import shutil

import pytest

from tests.processes import unowned_scratch_folder

OURS = "AGENTSERVER_TESTS_"
# The addresses of the services themselves come from the runner and say which leg this is.
_FOREIGN_NAMES = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL_FILE",
    "DEBUG",
    "DJANGO_SETTINGS_MODULE",
    "LOG_LEVEL",
    "REDIS_URL_FILE",
    "STATIC_ROOT",
    "TRUST_PROXY",
    "WEB_CONCURRENCY",
)
_FOREIGN_PREFIXES = (
    "AGENTSERVER_",
    "CELERY_",
    "OTEL_",
    "PROMETHEUS_",
    "SECRET_KEY",
    "SECURE_",
)
_FOREIGN_SUFFIXES = ("_API_KEY", "_BASE_URL")


def current_leg() -> str:
    """``postgres`` when the runner handed us both services, else ``sqlite``."""
    both = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    return "postgres" if both and os.environ.get(f"{OURS}LEG") != "sqlite" else "sqlite"


def clean(environment: dict[str, str]) -> dict[str, str]:
    """The environment without anything that configures an agent server or a model provider."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(OURS) or not _is_foreign(name)
    }


def _is_foreign(name: str) -> bool:
    value = name.removesuffix("_FILE")
    return (
        name in _FOREIGN_NAMES
        or value in _FOREIGN_NAMES
        or value.startswith(_FOREIGN_PREFIXES)
        or value.endswith(_FOREIGN_SUFFIXES)
    )


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
