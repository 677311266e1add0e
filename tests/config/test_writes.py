"""Creating, replacing and deleting documents, with the texts of docs/native-api.md."""

from typing import Any

import pytest

from agentserver.core.errors import ApiError, BadRequest, Conflict, NotFound
from config.models import Entry, EntryRevision, Snapshot
from config.selectors import get_entry, list_entries, redacted_document
from config.services import delete_entry, validate_entry
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER, put, put_chain

pytestmark = pytest.mark.django_db


def refusal(namespace: str, document: object, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        put(namespace, document, **options)
    return caught.value


def delete(namespace: str, key: str, **options: Any) -> None:
    delete_entry(namespace=namespace, key=key, actor="alice", **options)


def shown(namespace: str, key: str) -> dict[str, Any]:
    return redacted_document(get_entry(namespace, key))


def test_it_answers_with_defaults_times_and_revision() -> None:
    put("providers", PROVIDER)
    found = shown("providers", "openai")
    assert found.pop("created_at") == found.pop("updated_at") > 1_700_000_000_000
    assert found == {**PROVIDER, "timeout_secs": 300, "adapter_options": {}, "revision": 1}


def test_it_accepts_its_own_answer_as_the_next_write() -> None:
    put_chain()
    put("mcp-servers", {**MCP, "env": {"A": "1"}})
    for namespace in ("agents", "models", "mcp-servers"):
        found = list_entries(namespace, offset=0, limit=9).items[0]
        again = put(namespace, redacted_document(found), path_id=found.key)
        assert redacted_document(again) == redacted_document(found)


def test_it_replaces_the_whole_document() -> None:
    put("providers", {**PROVIDER, "base_url": "https://p.example/v1", "timeout_secs": 5})
    put("providers", PROVIDER)
    assert "base_url" not in shown("providers", "openai")
    assert shown("providers", "openai")["timeout_secs"] == 300


def test_it_counts_revisions_of_real_changes_only() -> None:
    put("providers", PROVIDER)
    assert put("providers", PROVIDER).revision == 1
    assert put("providers", {**PROVIDER, "timeout_secs": 5}).revision == 2


def test_it_never_counts_back_over_a_deletion() -> None:
    put("providers", PROVIDER)
    delete("providers", "openai")
    assert put("providers", PROVIDER).revision == 3


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_it_requires_an_object(body: object) -> None:
    error = refusal("agents", body)
    assert (error.status, error.message) == (400, "invalid payload: expected JSON object body")


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": "  "}, {"id": 5}, {"id": None}])
def test_it_requires_an_id(body: object) -> None:
    error = refusal("agents", body)
    assert (error.status, error.message) == (400, "missing 'id' field in body")


def test_it_checks_the_namespace_before_the_body() -> None:
    error = refusal("foo", None)
    assert (error.status, error.message) == (404, "unknown namespace: foo")


def test_it_refuses_a_body_of_another_id_than_the_path() -> None:
    error = refusal("providers", {**PROVIDER, "id": "right"}, path_id="left")
    assert error.status == 400
    assert error.message == ("invalid payload: path id 'left' does not match body id 'right'")


def test_it_creates_an_id_once() -> None:
    put("providers", {**PROVIDER, "id": "dupe"}, create_only=True)
    error = refusal("providers", {**PROVIDER, "id": "dupe"}, create_only=True)
    assert (error.status, error.message) == (409, "conflict: providers/dupe already exists")


def test_it_names_a_missing_entry() -> None:
    with pytest.raises(NotFound, match=r"^agents/foo$"):
        get_entry("agents", "foo")
    with pytest.raises(NotFound, match=r"^agents/a\x00b$"):
        get_entry("agents", "a\x00b")


def test_it_names_a_missing_entry_to_delete() -> None:
    with pytest.raises(NotFound, match=r"^not found: agents/foo$"):
        delete("agents", "foo")


def test_it_names_an_unknown_adapter() -> None:
    error = refusal("providers", {**PROVIDER, "adapter": "foo{0}"})
    assert (error.status, error.message) == (
        400,
        "invalid payload: unsupported provider adapter: foo{0}",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_id": "gpt"}, "model not found: gpt"),
        ({"plugin_ids": ["reminder"]}, "plugin not found: reminder"),
        ({"delegates": ["nobody"]}, "agent not found: nobody"),
        ({"sections": {"retry": {"max_retries": -1}}}, "section 'retry': max_retries: "),
        (
            {"plugin_ids": ["permission"], "sections": {"permission": {"default_behavior": "x"}}},
            "section 'permission': default_behavior: ",
        ),
        (
            {
                "plugin_ids": ["permission"],
                "sections": {"permission": {"rules": [{"tool": "A(", "behavior": "ask"}]}},
            },
            "section 'permission': rules.0.tool: invalid permission pattern 'A(': "
            "the closing ')' is missing",
        ),
    ],
)
def test_it_refuses_agents_that_do_not_resolve(change: dict[str, Any], reason: str) -> None:
    put_chain()
    error = refusal("agents", {**AGENT, **change})
    prefix = "invalid payload: invalid managed config: assistant: resolve failed: "
    assert error.status == 400
    assert error.message.startswith(prefix + reason)


def test_it_refuses_an_agent_on_a_model_without_provider() -> None:
    put("models", MODEL)
    error = refusal("agents", AGENT)
    assert error.message == (
        "invalid payload: invalid managed config: assistant: resolve failed: "
        "provider not found: openai"
    )


def test_it_accepts_a_model_without_provider_while_no_agent_uses_it() -> None:
    assert put("models", MODEL).revision == 1


def test_it_accepts_remote_agents_without_a_model() -> None:
    endpoint = {"base_url": "https://remote.example"}
    assert put("agents", {**AGENT, "endpoint": endpoint}).revision == 1


def test_it_refuses_delegates_behind_an_unknown_backend() -> None:
    put_chain()
    put("agents", {**AGENT, "id": "far", "endpoint": {"backend": "x", "base_url": "https://x"}})
    error = refusal("agents", {**AGENT, "delegates": ["far"]})
    assert error.message.endswith("unsupported backend of delegate far: x")


def test_it_keeps_sections_that_nothing_reads() -> None:
    put_chain()
    sections = {"reminder": {"x": 1}, "permission": {"not": "loaded"}}
    put("agents", {**AGENT, "sections": sections})
    assert shown("agents", "assistant")["sections"] == sections


def test_it_leaves_nothing_behind_after_a_refused_write() -> None:
    put_chain()
    before = (Entry.objects.count(), EntryRevision.objects.count(), Snapshot.objects.count())
    refusal("agents", {**AGENT, "id": "other", "model_id": "gone"})
    refusal("agents", {**AGENT, "model_id": "gone"})
    after = (Entry.objects.count(), EntryRevision.objects.count(), Snapshot.objects.count())
    assert before == after
    assert shown("agents", "assistant")["model_id"] == "default"


@pytest.mark.parametrize("body_revision", [True, "1", 1.5])
def test_it_requires_a_whole_number_as_revision(body_revision: object) -> None:
    error = refusal("providers", {**PROVIDER, "revision": body_revision})
    assert error.message == "invalid payload: revision: Input should be a valid integer"


def test_it_refuses_a_stale_write() -> None:
    put("providers", PROVIDER)
    put("providers", {**PROVIDER, "timeout_secs": 5})
    for error in (
        refusal("providers", PROVIDER, expected_revision=1),
        refusal("providers", {**PROVIDER, "revision": 1}),
    ):
        assert (error.status, error.details) == (409, {"revision": 2})
    put("providers", {**PROVIDER, "revision": 1}, expected_revision=2)


def test_it_refuses_a_write_to_an_entry_that_is_gone() -> None:
    error = refusal("providers", PROVIDER, expected_revision=1)
    assert (error.status, error.details) == (409, {"revision": 0})


def test_it_refuses_a_stale_delete() -> None:
    put("providers", PROVIDER)
    with pytest.raises(Conflict) as caught:
        delete("providers", "openai", expected_revision=7)
    assert caught.value.details == {"revision": 1}


@pytest.mark.parametrize(
    ("namespace", "key", "user"),
    [
        ("providers", "openai", {"namespace": "models", "id": "default"}),
        ("models", "default", {"namespace": "agents", "id": "assistant"}),
    ],
)
def test_it_keeps_what_others_use(namespace: str, key: str, user: dict[str, str]) -> None:
    put_chain()
    with pytest.raises(Conflict) as caught:
        delete(namespace, key)
    assert caught.value.message == "cannot delete: other records depend on this resource"
    assert caught.value.details == {"used_by": [user]}
    assert get_entry(namespace, key).revision == 1


def test_it_keeps_an_agent_that_another_delegates_to() -> None:
    put_chain()
    put("agents", {**AGENT, "id": "boss", "delegates": ["assistant"]})
    with pytest.raises(Conflict) as caught:
        delete("agents", "assistant")
    assert caught.value.details == {"used_by": [{"namespace": "agents", "id": "boss"}]}


def test_it_deletes_a_providers_idle_models_by_force() -> None:
    put("providers", PROVIDER)
    put("models", MODEL)
    delete("providers", "openai", force=True)
    assert not Entry.objects.exists()


def test_it_does_not_force_what_an_agent_uses() -> None:
    put_chain()
    with pytest.raises(Conflict) as caught:
        delete("providers", "openai", force=True)
    assert caught.value.details == {"used_by": [{"namespace": "agents", "id": "assistant"}]}
    assert Entry.objects.count() == 3


def test_it_forces_only_providers() -> None:
    put_chain()
    with pytest.raises(Conflict):
        delete("models", "default", force=True)


def test_it_lists_by_id() -> None:
    for key in ("b", "c", "a"):
        put("providers", {**PROVIDER, "id": key})
    page = list_entries("providers", offset=1, limit=1)
    assert ([entry.key for entry in page.items], page.total) == (["b"], 3)


def test_it_tries_a_write_without_storing_it() -> None:
    put_chain()
    before = (EntryRevision.objects.count(), Snapshot.objects.count())
    found = validate_entry(
        namespace="agents", document={**AGENT, "max_rounds": 3, "sections": {"reminder": {}}}
    )
    assert found["valid"] is True
    assert found["document"]["max_rounds"] == 3
    assert found["warnings"] == ["section 'reminder' has no effect: no loaded plugin reads it"]
    assert (EntryRevision.objects.count(), Snapshot.objects.count()) == before
    assert shown("agents", "assistant")["max_rounds"] == 16


def test_it_tries_a_write_that_fails() -> None:
    with pytest.raises(BadRequest, match="model not found: default"):
        validate_entry(namespace="agents", document=AGENT)
