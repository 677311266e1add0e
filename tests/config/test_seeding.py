"""Builtin documents: from code, with the changes of users (docs/native-api.md)."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from config import registry
from config.models import Entry, Snapshot
from config.seeding import seed_builtin
from config.selectors import get_entry
from config.services import delete_entry
from tests.config.samples import AGENT, MODEL, PROVIDER, put

pytestmark = pytest.mark.django_db


def code(**agent: Any) -> dict[str, list[dict[str, Any]]]:
    return {"providers": [PROVIDER], "models": [MODEL], "agents": [{**AGENT, **agent}]}


def entry() -> Entry:
    return get_entry("agents", "assistant")


def visible() -> set[str]:
    return {str(row) for row in Entry.objects.visible()}


def live() -> registry.Registry:
    registry.forget()
    return registry.current()


def test_it_publishes_once_for_all_documents() -> None:
    assert seed_builtin(code()) is True
    assert live().version == 1
    assert len(live().agents) == 1
    assert entry().source == "builtin"


def test_it_publishes_even_nothing_the_first_time() -> None:
    assert seed_builtin({}) is True
    assert live().version == 1


def test_it_is_cheap_when_nothing_changed() -> None:
    seed_builtin(code())
    with CaptureQueriesContext(connection) as captured:
        assert seed_builtin(code()) is False
    assert len(captured) == 2
    assert Snapshot.objects.count() == 1


def test_it_takes_over_changes_of_the_code() -> None:
    seed_builtin(code())
    assert seed_builtin(code(max_rounds=3)) is True
    assert live().agent("assistant").max_rounds == 3
    assert entry().revision == 2


def test_it_keeps_members_that_users_changed() -> None:
    seed_builtin(code())
    put("agents", {**AGENT, "system_prompt": "Mine."})
    assert entry().overrides == {"system_prompt": "Mine."}
    seed_builtin(code(system_prompt="Theirs.", max_rounds=3))
    found = live().agent("assistant")
    assert (found.system_prompt, found.max_rounds) == ("Mine.", 3)


def test_it_gives_up_a_change_that_users_took_back() -> None:
    seed_builtin(code())
    put("agents", {**AGENT, "max_rounds": 3})
    put("agents", AGENT)
    assert entry().overrides == {}


def test_it_drops_changes_that_no_longer_fit() -> None:
    seed_builtin(code())
    Entry.objects.filter(key="assistant").update(overrides={"max_rounds": "many"})
    seed_builtin(code(system_prompt="New."))
    assert live().agent("assistant").system_prompt == "New."
    assert entry().overrides == {}


def test_it_keeps_a_key_that_a_user_set() -> None:
    seed_builtin(code())
    put("providers", {**PROVIDER, "api_key": "sk-user"})
    documents = code()
    documents["providers"] = [{**PROVIDER, "timeout_secs": 5, "api_key": "sk-code"}]
    seed_builtin(documents)
    found = live().provider_with_secrets("openai")
    assert (found.api_key, found.timeout_secs) == ("sk-user", 5)


def test_it_does_not_lose_a_users_key_that_it_cannot_read() -> None:
    seed_builtin(code())
    put("providers", {**PROVIDER, "api_key": "sk-user"})
    documents = code()
    documents["providers"] = [{**PROVIDER, "timeout_secs": 5}]
    with override_settings(SECRET_KEY="another"):
        seed_builtin(documents)
    assert live().provider_with_secrets("openai").api_key == "sk-user"


def test_it_takes_over_a_key_of_the_code() -> None:
    documents = code()
    documents["providers"] = [{**PROVIDER, "api_key": "sk-code"}]
    seed_builtin(documents)
    assert seed_builtin(documents) is False
    documents["providers"] = [{**PROVIDER, "api_key": "sk-next"}]
    seed_builtin(documents)
    assert live().provider_with_secrets("openai").api_key == "sk-next"


def test_it_does_not_bring_back_what_users_deleted() -> None:
    seed_builtin(code())
    delete_entry(namespace="agents", key="assistant", actor="alice")
    assert seed_builtin(code()) is False
    seed_builtin(code(max_rounds=3))
    assert "agents/assistant" not in visible()


def test_it_lets_users_create_a_deleted_builtin_again() -> None:
    seed_builtin(code())
    delete_entry(namespace="agents", key="assistant", actor="alice")
    put("agents", {**AGENT, "max_rounds": 3}, create_only=True)
    assert entry().overrides == {"max_rounds": 3}


def test_it_brings_back_what_new_code_needs() -> None:
    seed_builtin(code())
    for namespace, key in (("agents", "assistant"), ("models", "default")):
        delete_entry(namespace=namespace, key=key, actor="alice")
    documents = code()
    documents["agents"].append({**AGENT, "id": "new"})
    seed_builtin(documents)
    assert visible() == {"agents/new", "models/default", "providers/openai"}


def test_it_leaves_documents_of_users_alone() -> None:
    put("providers", {**PROVIDER, "timeout_secs": 5})
    seed_builtin(code())
    assert live().providers["openai"].timeout_secs == 5
    assert get_entry("providers", "openai").source == "user"


def test_it_removes_what_left_the_code() -> None:
    seed_builtin(code())
    seed_builtin({})
    assert not Entry.objects.exists()
    assert live().version == 2


def test_it_hands_changed_documents_that_left_the_code_to_the_users() -> None:
    seed_builtin(code())
    put("agents", {**AGENT, "max_rounds": 3})
    seed_builtin({})
    assert visible() == {"agents/assistant", "models/default", "providers/openai"}
    assert {row.source for row in Entry.objects.all()} == {"user"}
    assert live().agent("assistant").max_rounds == 3


def test_it_keeps_what_left_the_code_while_users_need_it() -> None:
    seed_builtin(code())
    put("agents", {**AGENT, "id": "mine"})
    seed_builtin({})
    assert visible() == {"agents/mine", "models/default", "providers/openai"}


def test_it_takes_the_later_of_two_documents() -> None:
    documents = code()
    documents["agents"].append({**AGENT, "max_rounds": 3})
    seed_builtin(documents)
    assert live().agent("assistant").max_rounds == 3


def test_it_names_an_invalid_document() -> None:
    with pytest.raises(ImproperlyConfigured, match="builtin agents/assistant: invalid payload"):
        seed_builtin(code(max_rounds="many"))


def test_it_refuses_documents_that_do_not_fit_and_keeps_the_rest() -> None:
    seed_builtin(code())
    with pytest.raises(ImproperlyConfigured, match="model not found: gone"):
        seed_builtin(code(model_id="gone"))
    assert live().version == 1
    assert entry().spec["model_id"] == "default"
