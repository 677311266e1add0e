"""PATCH, the origin of documents, and builtin ones with the changes of users."""

from typing import Any

import pytest

from config import services
from config.models import Entry
from config.seeding import seed_builtin
from config.selectors import get_entry
from config.store import stored_secrets
from tests.config.conftest import ConfigClient
from tests.config.samples import AGENT, MODEL, PROVIDER, put_chain

pytestmark = pytest.mark.django_db

PATH = "/v1/config/agents/assistant"


def code(**agent: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        "providers": [{**PROVIDER, "api_key": "sk-of-the-code"}],
        "models": [MODEL],
        "agents": [{**AGENT, **agent}],
    }


@pytest.fixture
def builtin(api: ConfigClient) -> ConfigClient:
    seed_builtin(code())
    return api


def test_it_changes_the_given_members_only(api: ConfigClient) -> None:
    put_chain()
    api.patch(PATH, {"max_rounds": 3, "sections": {"notes": {"a": 1, "b": 2}}})
    found = api.patch(PATH, {"sections": {"notes": {"a": None}}}).json()
    assert found["sections"] == {"notes": {"b": 2}}
    assert (found["max_rounds"], found["system_prompt"]) == (3, "You help.")


def test_it_sets_a_member_back_to_its_default(api: ConfigClient) -> None:
    put_chain()
    api.patch(PATH, {"max_rounds": 3, "allowed_tools": []})
    found = api.patch(PATH, {"max_rounds": None, "allowed_tools": None}).json()
    assert (found["max_rounds"], found["allowed_tools"]) == (16, None)


def test_it_takes_the_media_type_of_merge_patches(api: ConfigClient) -> None:
    put_chain()
    answer = api.client.patch(
        PATH, b'{"max_rounds": 3}', content_type="application/merge-patch+json"
    )
    assert answer.json()["max_rounds"] == 3


def test_it_refuses_a_patch_that_removes_what_is_required(api: ConfigClient) -> None:
    put_chain()
    answer = api.patch(PATH, {"model_id": None})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid payload: model_id: Field required"


def test_it_counts_no_revision_for_a_patch_without_change(api: ConfigClient) -> None:
    put_chain()
    assert api.patch(PATH, {"max_rounds": 16}).json()["revision"] == 1


def test_it_tells_where_a_document_comes_from(api: ConfigClient) -> None:
    put_chain()
    found = api.get(f"{PATH}/meta").json()
    assert found.pop("created_at") == found.pop("updated_at") > 1_700_000_000_000
    assert found == {
        "namespace": "agents",
        "id": "assistant",
        "source": "user",
        "overrides": {},
        "secrets_overridden": False,
        "revision": 1,
        "updated_by": "alice",
    }


def test_it_shows_what_users_changed_in_a_builtin_document(builtin: ConfigClient) -> None:
    builtin.patch(PATH, {"max_rounds": 3})
    found = builtin.get(f"{PATH}/meta").json()
    assert (found["source"], found["overrides"]) == ("builtin", {"max_rounds": 3})
    assert found["updated_by"] == "anonymous"


def test_it_keeps_overrides_over_an_upgrade(builtin: ConfigClient) -> None:
    builtin.patch(PATH, {"max_rounds": 3})
    seed_builtin(code(system_prompt="You help more."))
    found = builtin.get(PATH).json()
    assert (found["max_rounds"], found["system_prompt"]) == (3, "You help more.")


def test_it_resets_a_builtin_document(builtin: ConfigClient) -> None:
    builtin.patch(PATH, {"max_rounds": 3})
    answer = builtin.delete(f"{PATH}/overrides")
    assert answer.status_code == 200
    assert (answer.json()["max_rounds"], answer.json()["revision"]) == (16, 3)
    assert builtin.get(f"{PATH}/meta").json()["overrides"] == {}


def test_it_resets_nothing_where_nothing_changed(builtin: ConfigClient) -> None:
    assert builtin.delete(f"{PATH}/overrides").json()["revision"] == 1


def test_it_brings_a_deleted_builtin_document_back(builtin: ConfigClient) -> None:
    builtin.delete(PATH)
    assert builtin.get(PATH).status_code == 404
    assert builtin.delete(f"{PATH}/overrides").status_code == 200
    assert builtin.get(PATH).json()["system_prompt"] == "You help."


def test_it_resets_a_secret_to_that_of_the_code(
    builtin: ConfigClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "collect_defaults", code)
    path = "/v1/config/providers/openai"
    builtin.patch(path, {"api_key": "sk-mine"})
    assert builtin.get(f"{path}/meta").json()["secrets_overridden"] is True
    builtin.delete(f"{path}/overrides")
    assert stored_secrets(get_entry("providers", "openai")) == {"/api_key": "sk-of-the-code"}
    assert builtin.get(f"{path}/meta").json()["secrets_overridden"] is False


def test_it_keeps_the_codes_secret_over_a_reset(builtin: ConfigClient) -> None:
    path = "/v1/config/providers/openai"
    builtin.patch(path, {"timeout_secs": 5})
    builtin.delete(f"{path}/overrides")
    assert stored_secrets(get_entry("providers", "openai")) == {"/api_key": "sk-of-the-code"}


def test_it_resets_only_what_is_builtin(api: ConfigClient) -> None:
    put_chain()
    answer = api.delete(f"{PATH}/overrides")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_builtin")
    assert api.delete("/v1/config/agents/foo/overrides").status_code == 404


def test_it_refuses_a_stale_reset(builtin: ConfigClient) -> None:
    builtin.patch(PATH, {"max_rounds": 3})
    assert builtin.delete(f"{PATH}/overrides", if_match='"1"').status_code == 409
    assert Entry.objects.get(key="assistant").overrides == {"max_rounds": 3}
