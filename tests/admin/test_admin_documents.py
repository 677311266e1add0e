"""Documents on their forms: made, changed, refused at the right place, deleted, restored."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from config.admin.fields import LEAVE_OUT
from config.admin.forms import SchemaForm
from config.models import Entry, EntryRevision
from config.services import put_entry
from config.store import readable_secrets
from tests.config.samples import AGENT, MODEL, PROVIDER, put, put_chain

SECRET = "sk-planted-0123456789"


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:config_{name}", args=arguments)


def fields_of(page: Client, address: str) -> dict[str, Any]:
    """What a browser would send back from the form as it is shown."""
    form = page.get(address).context["adminform"].form
    values: dict[str, Any] = {}
    for bound in form:
        data = bound.value()
        if hasattr(bound.field.widget, "widgets"):
            values |= {f"{bound.html_name}_{index}": part for index, part in enumerate(data)}
        elif data not in (None, False):
            values[bound.html_name] = data
    return values


def errors_of(answer: Any) -> dict[str, list[str]]:
    form = answer.context["adminform"].form
    return {name: list(messages) for name, messages in form.errors.items()}


def entry(namespace: str, key: str) -> Entry:
    return Entry.objects.get(namespace=namespace, key=key)


def test_it_makes_a_provider_a_model_and_an_agent(page: Client) -> None:
    page.post(url("provider_add"), {"id": "openai", "adapter": "openai", "api_key": SECRET})
    page.post(
        url("modelbinding_add"),
        {"id": "small", "provider_id": "openai", "upstream_model": "gpt-4o-mini"},
    )
    page.post(
        url("agent_add"),
        {"id": "helper", "model_id": "small", "system_prompt": "You help.\nBriefly."},
    )

    assert entry("agents", "helper").spec["model_id"] == "small"
    assert entry("agents", "helper").updated_by == "user:olga"


def test_it_sends_back_what_it_shows_without_changing_anything(page: Client) -> None:
    put_chain()
    rich = {
        **AGENT,
        "id": "rich",
        "allowed_tools": ["a", "b"],
        "excluded_tools": [],
        "delegates": ["assistant"],
        "reasoning_effort": {"budget": 512},
        "plugin_ids": ["permission"],
        "sections": {"permission": {"default_behavior": "deny", "rules": []}},
        "stop_conditions": [{"type": "max_rounds", "rounds": 3}],
    }
    stored = put("agents", rich)
    address = url("agent_change", stored.pk)

    answer = page.post(address, fields_of(page, address))

    assert answer.status_code == 302
    assert entry("agents", "rich").spec == stored.spec
    assert entry("agents", "rich").revision == 1


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"max_rounds": "-1"}, "max_rounds", "greater than or equal to 0"),
        ({"model_id": "gone"}, "model_id", "valid choice"),
        ({"id": "a/b"}, "id", "without '/'"),
        ({"id": ""}, "id", "required"),
        ({"sections": "{"}, "sections", "not JSON"),
        ({"sections": "[]"}, "sections", "an object"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort", "'none', 'low'"),
        ({"context_policy": '{"max_context_tokens": 0}'}, "context_policy", "max_output_tokens"),
        ({"stop_conditions": '[{"type": "nothing"}]'}, "stop_conditions", "0:"),
        (
            {"plugin_ids": ["permission"], "sections": '{"permission": {"rules": 1}}'},
            "sections",
            "rules",
        ),
        ({"endpoint": '{"base_url": " "}'}, "endpoint", "base_url"),
        ({"allowed_tools_1": "add"}, "allowed_tools", "Only these"),
    ],
)
def test_it_shows_what_is_wrong_at_the_field(
    page: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    put_chain()
    body = {"id": "new", "model_id": "default", "system_prompt": "Hi", **changes}

    answer = page.post(url("agent_add"), body)

    assert answer.status_code == 200
    assert words in " ".join(errors_of(answer).get(field, [])), errors_of(answer)
    assert not Entry.objects.filter(key="new").exists()


def test_it_says_that_an_id_is_taken(page: Client) -> None:
    put_chain()

    answer = page.post(url("provider_add"), {"id": "openai", "adapter": "openai"})

    assert "already exists" in errors_of(answer)["id"][0]


def test_it_names_what_an_address_needs(page: Client) -> None:
    answer = page.post(url("mcpserver_add"), {"id": "files", "transport": "stdio"})

    assert "command" in errors_of(answer)["command"][0]


def test_it_refuses_a_form_made_from_an_older_revision(page: Client) -> None:
    put_chain()
    model = entry("models", "default")
    address = url("modelbinding_change", model.pk)
    body = fields_of(page, address)
    put("models", {**MODEL, "upstream_model": "changed-meanwhile"})

    answer = page.post(address, {**body, "upstream_model": "mine"})

    assert "changed meanwhile" in str(errors_of(answer))
    assert entry("models", "default").spec["upstream_model"] == "changed-meanwhile"


# --- secrets ---------------------------------------------------------------------------------


def test_it_keeps_a_stored_secret_when_the_field_is_blank(page: Client) -> None:
    put("providers", {**PROVIDER, "api_key": SECRET})
    address = url("provider_change", entry("providers", "openai").pk)

    page.post(address, {**fields_of(page, address), "base_url": "https://example.org/v1"})

    changed = entry("providers", "openai")
    assert changed.spec["base_url"] == "https://example.org/v1"
    assert readable_secrets(changed) == {"/api_key": SECRET}


def test_it_clears_a_secret_on_request(page: Client) -> None:
    put("providers", {**PROVIDER, "api_key": SECRET})
    address = url("provider_change", entry("providers", "openai").pk)

    page.post(address, {**fields_of(page, address), "api_key__clear": "on"})

    assert readable_secrets(entry("providers", "openai")) == {}


def test_it_replaces_the_environment_of_an_mcp_server(page: Client) -> None:
    put("mcp-servers", {"id": "files", "transport": "stdio", "command": "x", "env": {"A": "1"}})
    address = url("mcpserver_change", entry("mcp-servers", "files").pk)

    page.post(address, {**fields_of(page, address), "env": "TOKEN=a=b\nOTHER=2"})

    stored = readable_secrets(entry("mcp-servers", "files"))
    assert stored == {"/env/TOKEN": "a=b", "/env/OTHER": "2"}


def test_it_does_not_repeat_a_secret_on_a_form_with_an_error(page: Client) -> None:
    answer = page.post(url("provider_add"), {"id": "a/b", "adapter": "openai", "api_key": SECRET})

    assert answer.status_code == 200
    assert SECRET not in answer.content.decode()


def test_it_never_shows_a_stored_secret(page: Client) -> None:
    options = {"headers": {"authorization": SECRET}}
    put("providers", {**PROVIDER, "api_key": SECRET, "adapter_options": options})
    put("mcp-servers", {"id": "files", "transport": "stdio", "command": "x", "env": {"A": SECRET}})
    put("providers", {**PROVIDER, "timeout_secs": 5, "adapter_options": options})
    addresses = [
        url("provider_changelist"),
        url("mcpserver_changelist"),
        *(url("provider_change", row.pk) for row in Entry.objects.filter(namespace="providers")),
        *(url("mcpserver_change", row.pk) for row in Entry.objects.filter(namespace="mcp-servers")),
        *(url("entryrevision_change", row.pk) for row in EntryRevision.objects.all()),
        url("snapshot_change", 1),
        url("snapshot_change", 2),
        url("snapshot_change", 3),
    ]

    for address in addresses:
        answer = page.get(address)
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode(), address


# --- deletion, history, restoring ------------------------------------------------------------


def test_it_deletes_a_document_in_the_name_of_the_user(page: Client) -> None:
    put_chain()

    page.post(url("agent_delete", entry("agents", "assistant").pk), {"post": "yes"})

    assert not Entry.objects.visible().filter(key="assistant").exists()
    gone = EntryRevision.objects.get(namespace="agents", action="delete")
    assert gone.actor == "user:olga"


def test_it_says_who_still_needs_a_document(page: Client) -> None:
    put_chain()
    provider = entry("providers", "openai")

    answer = page.post(url("provider_delete", provider.pk), {"post": "yes"}, follow=True)

    assert "models/default" in answer.content.decode()
    assert not entry("providers", "openai").hidden


def test_it_leads_from_a_document_to_its_history(page: Client) -> None:
    put_chain()
    put("models", {**MODEL, "upstream_model": "newer"})
    model = entry("models", "default")

    answer = page.get(url("modelbinding_history", model.pk), follow=True)

    rows = answer.context["cl"].result_list
    assert [(row.key, row.revision) for row in rows] == [("default", 2), ("default", 1)]


def test_it_shows_the_difference_a_revision_made(page: Client) -> None:
    put_chain()
    put("models", {**MODEL, "upstream_model": "newer"})
    revision = EntryRevision.objects.get(namespace="models", revision=2)

    lines = page.get(url("entryrevision_change", revision.pk)).context["lines"]

    assert ("added", '  "upstream_model": "newer"') in [(k, t.rstrip(",")) for k, t in lines]
    assert ("removed", '  "upstream_model": "gpt-4o-mini"') in [
        (k, t.rstrip(",")) for k, t in lines
    ]


def test_it_restores_a_revision(page: Client) -> None:
    put_chain()
    put("models", {**MODEL, "upstream_model": "newer"})
    first = EntryRevision.objects.get(namespace="models", revision=1)

    page.post(url("entryrevision_restore", first.pk))

    restored = entry("models", "default")
    assert restored.spec["upstream_model"] == "gpt-4o-mini"
    assert (restored.revision, restored.updated_by) == (3, "user:olga")


@pytest.mark.parametrize(("action", "makes_anew"), [("change", False), ("add", True)])
def test_it_makes_a_deleted_document_anew_only_for_who_may_add(
    page: Client, django_user_model: Any, action: str, makes_anew: bool
) -> None:
    put("providers", PROVIDER)
    page.post(url("provider_delete", entry("providers", "openai").pk), {"post": "yes"})
    user = django_user_model.objects.create_user("rita", password="x", is_staff=True)
    for codename in (f"{action}_provider", "view_entryrevision"):
        user.user_permissions.add(Permission.objects.get(codename=codename))
    client = Client()
    client.force_login(user)
    first = EntryRevision.objects.get(namespace="providers", revision=1)

    shown = client.get(url("entryrevision_change", first.pk)).context["may_restore"]
    client.post(url("entryrevision_restore", first.pk))

    assert shown is makes_anew
    assert Entry.objects.visible().filter(key="openai").exists() is makes_anew


def test_it_restores_nothing_by_following_a_link(page: Client) -> None:
    put_chain()
    first = EntryRevision.objects.get(namespace="models", revision=1)

    assert page.get(url("entryrevision_restore", first.pk)).status_code == 405


# --- the form itself -------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["agents", "models", "providers", "mcp-servers"])
def test_it_has_a_field_for_every_member_of_the_schema(db: None, namespace: str) -> None:
    form = SchemaForm(namespace=namespace, entry=None)

    assert set(form.members) <= set(form.fields)
    assert form.members[0] == "id"


def test_it_leaves_out_what_was_left_blank(db: None) -> None:
    form = SchemaForm(
        namespace="providers", entry=None, data={"id": "x", "adapter": "openai", "timeout_secs": ""}
    )

    assert form.is_valid(), form.errors
    assert form.document() == {"id": "x", "adapter": "openai", "base_url": None}
    assert LEAVE_OUT not in form.document().values()


def test_it_shows_a_document_to_readers_only_as_text(page: Client, django_user_model: Any) -> None:
    put_chain()
    reader = django_user_model.objects.create_user("rita", password="x", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_agent"))
    client = Client()
    client.force_login(reader)
    address = url("agent_change", entry("agents", "assistant").pk)

    assert client.get(address).context["adminform"].form.fields["system_prompt"].disabled
    assert client.post(address, {"system_prompt": "Mine"}).status_code == 403
    assert client.get(url("provider_changelist")).status_code == 403


def test_it_puts_documents_of_code_back_under_their_own_id(page: Client) -> None:
    stored = put_entry(namespace="providers", document=PROVIDER, actor="alice")

    page.post(
        url("provider_change", stored.pk), {"id": "renamed", "adapter": "groq", "revision": 1}
    )

    assert entry("providers", "openai").spec["adapter"] == "groq"
    assert not Entry.objects.filter(key="renamed").exists()
