"""The whole API against its own document: no 5xx, no answer that the document does not know.

Schemathesis makes requests that fit the document, and others that do not, always the same ones.
They ask a server in this process for objects that exist and for others; what one changes is undone
before the next. Of an event stream everything but its events is looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agentserver.access.services import create_key
from agentserver.core.api.docs import document
from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID
from tests.access.walk import OTHER, build

pytestmark = [pytest.mark.django_db, pytest.mark.leg("sqlite"), pytest.mark.timeout(300)]

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {"thread_id": THREAD_ID, "id": THREAD_ID, "run_id": RUN_ID, **OTHER}
EXAMPLES = 3
Call = Callable[[Case], None]


@pytest.fixture(autouse=True)
def one_transaction() -> Iterator[None]:
    """Requests over WSGI leave the connection of the test alone, as Django's own client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def without_events(application: Any) -> Any:
    """``application`` with streams that end before their first event."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kinds: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kinds.extend(value for name, value in headers if name.lower() == "content-type")
            return start_response(status, headers, *rest)

        content: Any = application(environ, start)
        if not any(kind.startswith("text/event-stream") for kind in kinds):
            return content  # type: ignore[no-any-return]
        content.close()
        return []

    return call


@pytest.fixture
def operations(settings: Any) -> list[APIOperation[Any, Any, Any, Any]]:
    # What is off is 501, and nobody here would end the task that an answer waits for.
    settings.AGENTSERVER_A2A_EXTENDED_CARD = True
    settings.AGENTSERVER_A2A_WAIT_SECONDS = 0
    build()
    schema: Any = schemathesis.openapi.from_dict(document())
    schema.app = without_events(get_wsgi_application())
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def send(operations: Any) -> Call:
    _, token = create_key(name="schemathesis", scopes=["admin"])
    headers = {"authorization": f"Bearer {token}"}

    def call(case: Case) -> None:
        with transaction.atomic():
            case.call_and_validate(headers=headers, checks=CHECKS)
            transaction.set_rollback(True)

    return call


def problems(operations: Any, strategies: Callable[[Any], Iterable[Any]], send: Call) -> list[str]:
    """What went wrong, by operation."""
    found = []
    for operation in operations:
        for strategy in strategies(operation):
            try:
                _try(strategy, send)
            except (FailureGroup, Failure, HypothesisException) as problem:
                found.append(f"{operation.label}: {problem}")
    return found


def _try(strategy: Any, send: Call) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def check(case: Case) -> None:
        send(case)

    check()


def test_it_answers_its_own_examples_as_described(operations: Any, send: Call) -> None:
    def examples(operation: Any) -> Iterable[Any]:
        yield from operation.get_strategies_from_examples()

    assert problems(operations, examples, send) == []


def test_it_answers_fitting_requests_as_described(operations: Any, send: Call) -> None:
    def fitting(operation: Any) -> Iterable[Any]:
        yield operation.as_strategy(path_parameters=_known(operation))

    assert problems(operations, fitting, send) == []


def test_it_answers_other_requests_as_described(operations: Any, send: Call) -> None:
    def other(operation: Any) -> Iterable[Any]:
        if any(operation.iter_parameters()) or operation.body:
            yield operation.as_strategy(GenerationMode.NEGATIVE)

    assert problems(operations, other, send) == []


def _known(operation: Any) -> dict[str, Any]:
    names = [parameter.name for parameter in operation.path_parameters]
    return {name: KNOWN[name] for name in names if name in KNOWN}
