"""The published configuration as runs read it: caching, pinning, broken rows."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config import registry
from config.errors import AgentNotFound, ModelNotFound, ProviderNotFound, VersionGone
from config.models import Snapshot
from config.publication import publish
from tests.config.samples import AGENT, MODEL, PROVIDER, publish_changes, put, put_chain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the registry's clock forward by seconds."""
    moment = [1000.0]
    monkeypatch.setattr(registry, "monotonic", lambda: moment[0])

    def forward(seconds: float) -> None:
        moment[0] += seconds

    return forward


def queries(action: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        action()
    return len(captured)


def publish_elsewhere(**agent: Any) -> int:
    """A publication by another process: this one's cache is not told."""
    live = registry.current()
    put("agents", {**AGENT, **agent})
    registry._cache._set_live(live)
    return Snapshot.objects.latest("version").version


def break_newest(compiled: object) -> None:
    Snapshot.objects.create(version=99, fingerprint="x", compiled=compiled)


def test_it_is_empty_before_the_first_publication() -> None:
    empty = registry.current()
    assert empty.version == 0
    for documents in (empty.agents, empty.models, empty.providers, empty.mcp_servers):
        assert documents == {}


def test_it_numbers_publications_from_one() -> None:
    put("providers", PROVIDER)
    assert registry.current().version == 1
    put("models", MODEL)
    assert registry.current().version == 2


def test_it_does_not_publish_equal_content_again() -> None:
    put_chain()
    assert publish_changes() == publish_changes() == 3


def test_it_shows_a_local_publication_at_once() -> None:
    registry.current()
    put_chain()
    assert registry.current().agent("assistant").max_rounds == 16


def test_it_asks_the_database_at_most_once_a_second(clock: Callable[[float], None]) -> None:
    put_chain()
    assert queries(registry.current) == 0
    clock(0.9)
    assert queries(registry.current) == 0
    clock(0.2)
    assert queries(registry.current) == 1
    assert queries(registry.current) == 0


def test_it_sees_a_publication_of_another_process(clock: Callable[[float], None]) -> None:
    put_chain()
    version = publish_elsewhere(max_rounds=3)
    assert registry.current().agent("assistant").max_rounds == 16
    clock(1.1)
    assert registry.current().agent("assistant").max_rounds == 3
    assert registry.current().version == version


def test_it_keeps_the_version_a_run_was_started_with() -> None:
    put_chain()
    put("agents", {**AGENT, "max_rounds": 3})
    assert registry.at(3).agent("assistant").max_rounds == 16
    assert registry.at(4) is registry.current()


def test_it_reads_an_old_version_once() -> None:
    put_chain()
    registry.forget()
    first = registry.at(2)
    assert queries(lambda: registry.at(2)) == 0
    assert registry.at(2) is first


def test_it_keeps_the_secrets_of_an_old_version() -> None:
    put("providers", {**PROVIDER, "api_key": "sk-old"})
    put("providers", {**PROVIDER, "api_key": "sk-new"})
    registry.forget()
    assert registry.at(1).provider_with_secrets("openai").api_key == "sk-old"
    assert registry.current().provider_with_secrets("openai").api_key == "sk-new"


def test_it_forgets_the_least_recently_used_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PINNED_VERSIONS", 2)
    put_chain()
    registry.forget()
    for version in (1, 2, 1, 3):
        registry.at(version)
    assert queries(lambda: registry.at(1)) == 0
    assert queries(lambda: registry.at(2)) == 1


def test_it_says_that_a_version_is_gone() -> None:
    with pytest.raises(VersionGone, match="config version not found: 7"):
        registry.at(7)


@pytest.mark.parametrize(
    "compiled",
    [
        {"agents": {"a": {"spec": {"id": "a"}, "secrets": ""}}},
        {"agents": {"a": {}}},
        {"agents": [1]},
        [],
        "text",
    ],
)
def test_it_keeps_the_live_registry_when_a_row_is_broken(
    clock: Callable[[float], None], compiled: object
) -> None:
    put_chain()
    live = registry.current()
    break_newest(compiled)
    clock(1.1)
    assert registry.current() is live
    clock(1.1)
    assert queries(registry.current) == 1


def test_it_starts_with_the_newest_version_it_can_read() -> None:
    put_chain()
    break_newest([])
    registry.forget()
    assert registry.current().version == 3


def test_it_keeps_the_live_registry_while_the_database_is_away(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_chain()
    live = registry.current()

    def fail() -> int:
        raise DatabaseError("away")

    monkeypatch.setattr(registry, "_newest_version", fail)
    clock(1.1)
    assert registry.current() is live


def test_it_does_not_publish_what_is_rolled_back() -> None:
    put_chain()
    live = registry.current()
    with pytest.raises(ZeroDivisionError):
        fail_after_publishing()
    assert registry.current() is live


def fail_after_publishing() -> None:
    with transaction.atomic():
        put("agents", {**AGENT, "max_rounds": 3})
        publish(actor="alice")
        raise ZeroDivisionError


def test_it_loads_once_for_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    put_chain()
    registry.forget()
    loads: list[int] = []
    real = registry._load

    def counted(version: int) -> registry.Registry:
        loads.append(version)
        return real(version)

    monkeypatch.setattr(registry, "_load", counted)
    found: list[registry.Registry] = []
    threads = [threading.Thread(target=lambda: look(found)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [3]
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def look(found: list[registry.Registry]) -> None:
    try:
        found.append(registry.current())
    finally:
        connection.close()


def test_it_keeps_what_was_published_while_it_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    put_chain()
    old = registry.current()
    registry.forget()

    def read_slowly() -> registry.Registry:
        put("agents", {**AGENT, "description": "newer"})
        return old

    monkeypatch.setattr(registry, "_newest_readable", read_slowly)
    # The publication meets a cache that is about to be filled with what was there before.
    assert registry.current().version > old.version


def test_it_does_not_keep_what_it_read_before_it_forgot(monkeypatch: pytest.MonkeyPatch) -> None:
    put_chain()
    registry.forget()
    real = registry._newest_readable

    def read_slowly() -> registry.Registry:
        registry.forget()
        return registry.EMPTY

    monkeypatch.setattr(registry, "_newest_readable", read_slowly)
    registry.current()
    monkeypatch.setattr(registry, "_newest_readable", real)
    assert registry.current().version == 3


def test_it_names_what_is_missing() -> None:
    put_chain()
    live = registry.current()
    with pytest.raises(AgentNotFound, match=r"^agent not found: x$"):
        live.agent("x")
    with pytest.raises(ProviderNotFound, match=r"^provider not found: x$"):
        live.provider_with_secrets("x")
    orphan = live.agent("assistant").model_copy(update={"model_id": "x"})
    with pytest.raises(ModelNotFound, match=r"^model not found: x$"):
        live.model_for(orphan)


def test_it_resolves_an_agents_model() -> None:
    put_chain()
    put("models", {**MODEL, "context_window": 1000})
    live = registry.current()
    agent = live.agent("assistant")
    assert live.model_for(agent).context_window == 1000
    other = live.model_for(agent, "gpt-5")
    assert (other.upstream_model, other.provider_id) == ("gpt-5", "openai")
    assert other.context_window is None


def test_it_cannot_be_changed() -> None:
    put_chain()
    live, field = registry.current(), "max_rounds"
    with pytest.raises(TypeError):
        live.agents["x"] = live.agent("assistant")  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        setattr(live.agent("assistant"), field, 1)
