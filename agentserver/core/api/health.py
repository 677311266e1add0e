"""``/health`` and ``/health/live``. Apps add components with `register`."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal

from django.db import connection
from django.http import HttpResponse
from pydantic import BaseModel
from rest_framework.request import Request

from agentserver.core.api.answers import empty_answer, json_answer
from agentserver.core.api.operation import operation
from agentserver.core.api.views import ApiView

logger = logging.getLogger("agentserver.health")

CAP_SECONDS = 5.0
Verdict = Literal["ok", "error", "timeout"]
Check = Callable[[], None]


class HealthBody(BaseModel):
    status: Literal["healthy", "unhealthy"]
    components: dict[str, Verdict]


class Checks:
    """Named checks. A check returns when its component works, and raises when it does not."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._running: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def register(self, name: str, check: Check) -> None:
        self._checks[name] = check

    def verdicts(self, *, cap: float = CAP_SECONDS) -> dict[str, Verdict]:
        """All checks side by side, within ``cap`` seconds together."""
        deadline = time.monotonic() + cap
        started = {name: self._start(name, check) for name, check in self._checks.items()}
        return {name: _verdict(name, run, deadline) for name, run in started.items()}

    def _start(self, name: str, check: Check) -> Future[None]:
        """A check that still hangs from an earlier request is waited for, not started again."""
        with self._lock:
            running = self._running.get(name)
            if running is None or running.done():
                running = self._running[name] = Future()
                threading.Thread(target=_run, args=(check, running), daemon=True).start()
            return running


def _run(check: Check, result: Future[None]) -> None:
    try:
        check()
    except Exception as error:
        result.set_exception(error)
    else:
        result.set_result(None)
    finally:
        connection.close()


def _verdict(name: str, run: Future[None], deadline: float) -> Verdict:
    try:
        run.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        logger.warning("health: %s did not answer in time", name)
        return "timeout" if not run.done() else "error"
    except Exception as error:
        logger.warning("health: %s failed: %s", name, type(error).__name__)
        return "error"
    return "ok"


def _database_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


checks = Checks()
register = checks.register
register("store", _database_answers)


class Health(ApiView):
    tag = "health"

    @operation("Readiness", public=True, answers={200: HealthBody, 503: HealthBody})
    def get(self, request: Request) -> HttpResponse:
        """200 when every component answers within five seconds, else 503."""
        components = {**checks.verdicts(), "runtime": "ok"}
        healthy = all(verdict == "ok" for verdict in components.values())
        body = {"status": "healthy" if healthy else "unhealthy", "components": components}
        return json_answer(body, status=200 if healthy else 503)


class Live(ApiView):
    tag = "health"
    authentication_classes = ()
    permission_classes = ()

    @operation("Liveness", public=True, answers={200: None})
    def get(self, request: Request) -> HttpResponse:
        """The process answers; nothing else is touched."""
        return empty_answer(200)
