"""Settings, all from the environment (docs/settings.md lists every name)."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from agentserver import ROOT
from agentserver.admin_site import UNFOLD as UNFOLD
from agentserver.core import env, keyfile
from agentserver.core.api.docs_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

DEBUG = env.flag("DEBUG", default=False)
DATA = Path(env.text("AGENTSERVER_DATA", str(ROOT / "data")))
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.text("REDIS_URL")
EMBEDDED = not REDIS_URL

SECRET_KEY = env.text("SECRET_KEY") or keyfile.load_or_create(DATA / "secret_key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# --- this product ---------------------------------------------------------------------------
AGENTSERVER_APPS = env.words("AGENTSERVER_APPS")
AGENTSERVER_REQUIRE_KEYS = env.flag("AGENTSERVER_REQUIRE_KEYS", default=not DEBUG)
AGENTSERVER_ALLOW_OPEN = env.flag("AGENTSERVER_ALLOW_OPEN", default=False)
AGENTSERVER_KEY_PEPPERS = env.words("AGENTSERVER_KEY_PEPPERS")
AGENTSERVER_SECRET_KEYS = env.words("AGENTSERVER_SECRET_KEYS")
AGENTSERVER_CONFIG_API = env.flag("AGENTSERVER_CONFIG_API", default=True)
AGENTSERVER_DEMO = env.flag("AGENTSERVER_DEMO", default=DEBUG)
AGENTSERVER_EGRESS_ALLOW = env.words("AGENTSERVER_EGRESS_ALLOW")
AGENTSERVER_EGRESS_HTTP = env.flag("AGENTSERVER_EGRESS_HTTP", default=DEBUG)
AGENTSERVER_PUSH_ATTEMPTS = env.integer("AGENTSERVER_PUSH_ATTEMPTS", 8, minimum=1)
AGENTSERVER_LEASE_SECONDS = env.integer("AGENTSERVER_LEASE_SECONDS", 10, minimum=1)
AGENTSERVER_SWEEP_SECONDS = env.integer("AGENTSERVER_SWEEP_SECONDS", 1, minimum=1)
AGENTSERVER_MCP_REFRESH_SECONDS = env.integer("AGENTSERVER_MCP_REFRESH_SECONDS", 60, minimum=1)
AGENTSERVER_RUNS_PER_WORKER = env.integer("AGENTSERVER_RUNS_PER_WORKER", 500, minimum=1)
AGENTSERVER_RELEASE_SECONDS = env.integer("AGENTSERVER_RELEASE_SECONDS", 5, minimum=1)
AGENTSERVER_SUSPENSION_SECONDS = env.integer("AGENTSERVER_SUSPENSION_SECONDS", 0)
AGENTSERVER_STREAM_SECONDS = env.integer("AGENTSERVER_STREAM_SECONDS", 3600, minimum=1)
AGENTSERVER_JOB_RETENTION_HOURS = env.integer("AGENTSERVER_JOB_RETENTION_HOURS", 24, minimum=1)
AGENTSERVER_METRICS_PUBLIC = env.flag("AGENTSERVER_METRICS_PUBLIC", default=False)
AGENTSERVER_RATE_LIMIT = env.integer("AGENTSERVER_RATE_LIMIT", 0)
AGENTSERVER_CORS_ORIGINS = env.words("AGENTSERVER_CORS_ORIGINS")
AGENTSERVER_MAX_BODY_BYTES = env.integer("AGENTSERVER_MAX_BODY_BYTES", 2 * 1024 * 1024, minimum=1)
AGENTSERVER_MCP_SESSION_SECONDS = env.integer("AGENTSERVER_MCP_SESSION_SECONDS", 1800, minimum=1)
AGENTSERVER_MCP_SESSIONS = env.integer("AGENTSERVER_MCP_SESSIONS", 1000, minimum=1)
AGENTSERVER_MCP_ORIGINS = env.words("AGENTSERVER_MCP_ORIGINS")
AGENTSERVER_PUBLIC_URL = env.text("AGENTSERVER_PUBLIC_URL")
AGENTSERVER_A2A_NAME = env.text("AGENTSERVER_A2A_NAME", "agentserver")
AGENTSERVER_A2A_DESCRIPTION = env.text(
    "AGENTSERVER_A2A_DESCRIPTION", "Durable agents, each of them a skill."
)
AGENTSERVER_A2A_ORGANIZATION = env.text("AGENTSERVER_A2A_ORGANIZATION", "agentserver")
AGENTSERVER_A2A_WAIT_SECONDS = env.integer("AGENTSERVER_A2A_WAIT_SECONDS", 300)
AGENTSERVER_A2A_EXTENDED_CARD = env.flag("AGENTSERVER_A2A_EXTENDED_CARD", default=False)

INSTALLED_APPS = [
    # Before the admin, whose templates they replace.
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "agentserver.serving",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_eventstream",
    # Before django_prometheus: it decides where metrics keep their values.
    "agentserver.telemetry",
    "django_prometheus",
    "agentserver.access",
    "config",
    "threads",
    "memory",
    "runs",
    "agentserver_a2a",
    "agentserver_mcp",
    *(["runs.demo"] if AGENTSERVER_DEMO else []),
    *AGENTSERVER_APPS,
]

MIDDLEWARE = [
    "agentserver.telemetry.middleware.CountRequests",
    "agentserver.core.api.middleware.JsonErrors",
    "agentserver.core.middleware.Security",
    "agentserver.core.middleware.WhiteNoise",
    *(["agentserver.core.middleware.Cors"] if AGENTSERVER_CORS_ORIGINS else []),
    *(["agentserver.access.throttling.RateLimit"] if AGENTSERVER_RATE_LIMIT else []),
    "agentserver.core.middleware.Session",
    "agentserver.core.middleware.Common",
    "agentserver.core.middleware.Csrf",
    "agentserver.core.middleware.Authentication",
    "agentserver.core.middleware.Message",
    "agentserver.core.middleware.FrameOptions",
]

ROOT_URLCONF = "agentserver.urls"
ASGI_APPLICATION = "agentserver.asgi.application"
WSGI_APPLICATION = "agentserver.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- database -------------------------------------------------------------------------------
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;"
    "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=67108864;"
)


def _sqlite(path: Path) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": SQLITE_PRAGMAS,
        },
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
    }


def _postgres(url: str) -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if "postgresql" not in database["ENGINE"]:
        raise ImproperlyConfigured("DATABASE_URL must be a postgres:// address, or unset")
    # A pooled connection that died with a failover is noticed when it is taken, not by a request.
    database["ENGINE"] = "agentserver.core.postgresql"
    database["OPTIONS"] = {
        **database.get("OPTIONS", {}),
        "pool": {
            "min_size": env.integer("AGENTSERVER_DB_POOL_MIN", 2),
            "max_size": env.integer("AGENTSERVER_DB_POOL_MAX", 20, minimum=1),
            "timeout": 10,
        },
    }
    return database


DATABASES = {"default": _postgres(DATABASE_URL) if DATABASE_URL else _sqlite(DATA / "db.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- broker ---------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.05} if EMBEDDED else {}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "agentserver"
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "runs.sweep", "schedule": AGENTSERVER_SWEEP_SECONDS},
    "prune": {"task": "runs.prune", "schedule": 60.0},
}

# --- HTTP -----------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["agentserver.access.authentication.PrincipalAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["agentserver.access.authentication.HasScope"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "agentserver.core.api.errors.handle",
}
# Pages of other origins. Only those that are named may use the session of a member of staff.
CORS_ALLOW_ALL_ORIGINS = "*" in AGENTSERVER_CORS_ORIGINS
CORS_ALLOWED_ORIGINS = [origin for origin in AGENTSERVER_CORS_ORIGINS if origin != "*"]
CORS_ALLOW_CREDENTIALS = bool(CORS_ALLOWED_ORIGINS) and not CORS_ALLOW_ALL_ORIGINS
CORS_ALLOW_HEADERS = (
    *("accept", "authorization", "content-type", "x-api-key", "x-csrftoken", "x-requested-with"),
    *("cache-control", "idempotency-key", "if-match", "last-event-id", "user-agent"),
    *("a2a-extensions", "a2a-version", "mcp-protocol-version", "mcp-session-id"),
    *("mcp-method", "mcp-name"),
)
CORS_EXPOSE_HEADERS = ("x-run-id", "x-thread-id", "retry-after", "etag", "mcp-session-id")
# Bodies are limited before Django sees them (agentserver.asgi), per route.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
CSRF_FAILURE_VIEW = "agentserver.core.api.errors.csrf_failure"

EVENTSTREAM_STORAGE_CLASS = "runs.events.eventstream.LogStorage"
EVENTSTREAM_CHANNELMANAGER_CLASS = "runs.events.eventstream.Channels"
AGENTSERVER_EVENTS_ACCESS = "runs.access.may_read_channel"

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

# --- transport security ---------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("SECURE_COOKIES", default=not DEBUG)
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 0)
TRUST_PROXY = env.flag("TRUST_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
# A reverse proxy usually ends TLS, redirects and sets HSTS; the project cannot know.
# W001 to W003 look for Django's own middleware by name and do not see our synchronous subclasses.
SILENCED_SYSTEM_CHECKS = [
    "security.W001",
    "security.W002",
    "security.W003",
    "security.W004",
    "security.W008",
]

# --- the rest -------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(DATA / "static")))
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# In one process, without a deployment step that collects them, files are served where they lie.
WHITENOISE_USE_FINDERS = DEBUG or EMBEDDED

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        # They report each address they ask, and those of users may hold secrets.
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        # What it cannot read it quotes, and servers may print their environment.
        "mcp.client": {"level": "CRITICAL"},
        "celery": {"level": "WARNING"},
        # It reports each listener that comes and goes.
        "django_eventstream": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
