"""``exportconfig`` and ``importconfig``."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config import registry
from config.models import Entry, EntryRevision, Snapshot
from config.seeding import seed_builtin
from config.selectors import get_entry, redacted_document
from config.store import stored_secrets
from tests.config.samples import AGENT, MCP, MODEL, PROVIDER, put, put_chain

pytestmark = pytest.mark.django_db

SECRET = "sk-do-not-show-me"
CHAIN = (
    "agents:\n  - {id: assistant, model_id: default, system_prompt: You help.}\n"
    "models:\n  - {id: default, provider_id: openai, upstream_model: gpt-4o-mini}\n"
    "providers:\n  - {id: openai, adapter: openai}\n"
)


def export(*arguments: str) -> str:
    out = io.StringIO()
    call_command("exportconfig", *arguments, stdout=out)
    return out.getvalue()


class Run:
    def __init__(self, out: str, err: str) -> None:
        self.out = out
        self.err = err


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """``load(text, "--apply")`` imports a file with that text."""

    def call(text: str, *arguments: str) -> Run:
        file = tmp_path / "config.yaml"
        file.write_text(text, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        call_command("importconfig", str(file), *arguments, stdout=out, stderr=err)
        return Run(out.getvalue(), err.getvalue())

    return call


def documents() -> dict[str, dict[str, Any]]:
    """All visible documents without times and revisions."""
    found = {str(row): redacted_document(row) for row in Entry.objects.visible()}
    for document in found.values():
        for name in ("created_at", "updated_at", "revision"):
            del document[name]
    return found


def everything_stored() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values()) for model in (Entry, EntryRevision, Snapshot)
    ]


def test_it_brings_everything_back_into_an_empty_database(load: Any) -> None:
    put_chain()
    put("mcp-servers", {**MCP, "config": {"a": [1, {"b": None}]}, "timeout_secs": 3})
    put("agents", {**AGENT, "id": "far", "endpoint": {"base_url": "https://r.example"}})
    put(
        "agents",
        {
            **AGENT,
            "system_prompt": "Two\nlines",
            "allowed_tools": [],
            "delegates": ["far"],
            "reasoning_effort": {"budget": 9},
            "plugin_ids": ["permission"],
            "sections": {"permission": {"default_behavior": "deny"}},
        },
    )
    before, text = documents(), export()
    for model in (Entry, EntryRevision, Snapshot):
        model.objects.all().delete()
    load(text, "--apply")
    assert documents() == before
    assert export() == text


def test_it_keeps_stored_secrets_of_all_kinds(load: Any) -> None:
    put("providers", {**PROVIDER, "api_key": SECRET})
    put("mcp-servers", {**MCP, "env": {"A": SECRET}, "config": {"apiKey": SECRET}})
    endpoint = {"base_url": "https://r.example", "auth": {"type": "bearer", "token": SECRET}}
    put("agents", {**AGENT, "endpoint": endpoint})
    text = export().replace("You help.", "You help more.")
    run = load(text, "--apply")
    assert "update agents/assistant\n" in run.out
    assert run.err == ""
    assert stored_secrets(get_entry("providers", "openai")) == {"/api_key": SECRET}
    assert stored_secrets(get_entry("mcp-servers", "tools")) == {
        "/env/A": SECRET,
        "/config/apiKey": SECRET,
    }
    assert stored_secrets(get_entry("agents", "assistant")) == {"/endpoint/auth/token": SECRET}


def test_it_warns_of_secrets_it_does_not_know(load: Any) -> None:
    run = load(
        "providers:\n  - id: openai\n    adapter: openai\n    api_key: '[redacted]'\n"
        "mcp-servers:\n  - id: m\n    transport: http\n    url: https://m\n"
        "    env: {A: '[redacted]', B: plain}\n",
        "--apply",
    )
    assert run.err == (
        "warning: providers/openai: api_key is not stored here: set it\n"
        "warning: mcp-servers/m: env.A is not stored here: set it\n"
    )
    assert stored_secrets(get_entry("mcp-servers", "m")) == {"/env/B": "plain"}


def test_it_shows_no_secret_that_a_file_sets(load: Any) -> None:
    put("providers", PROVIDER)
    run = load(f"providers: [{{id: openai, adapter: openai, api_key: {SECRET}}}]", "--apply")
    assert SECRET not in run.out + run.err
    assert "+    api_key: '[redacted]'" in run.out
    assert "update providers/openai (with secrets)" in run.out
    assert stored_secrets(get_entry("providers", "openai")) == {"/api_key": SECRET}


def test_it_only_shows_the_difference_unless_told_to_apply(load: Any) -> None:
    put_chain()
    before = everything_stored()
    run = load(export().replace("You help.", "You help more."))
    assert "-    system_prompt: You help.\n+    system_prompt: You help more.\n" in run.out
    assert run.out.endswith("update agents/assistant\ndry run: nothing was written, --apply does\n")
    assert everything_stored() == before


def test_it_says_when_nothing_changes(load: Any) -> None:
    put_chain()
    before = everything_stored()
    assert load(export(), "--apply").out == "nothing changes\n"
    assert everything_stored() == before


def test_it_publishes_once_in_whatever_order_the_file_is(load: Any) -> None:
    load(CHAIN, "--apply")
    registry.forget()
    assert registry.current().version == 1
    assert registry.current().agent("assistant").model_id == "default"
    assert set(EntryRevision.objects.values_list("actor", flat=True)) == {"importconfig"}


def test_it_writes_all_or_nothing(load: Any) -> None:
    text = CHAIN + "mcp-servers:\n  - {id: m, transport: stdio}\n  - {transport: http, url: x}\n"
    with pytest.raises(CommandError) as caught:
        load(text, "--apply")
    assert str(caught.value) == (
        "mcp-servers/m: invalid payload: stdio mcp server requires a non-empty command\n"
        "mcp-servers/document 2: missing 'id' field in body"
    )
    assert not Entry.objects.exists()


def test_it_checks_that_documents_fit_together(load: Any) -> None:
    with pytest.raises(CommandError, match="assistant: resolve failed: provider not found: openai"):
        load(CHAIN.split("providers:")[0])


def test_it_keeps_what_the_file_lacks(load: Any) -> None:
    put_chain()
    load("providers: [{id: other, adapter: openai}]", "--apply")
    assert Entry.objects.count() == 4


def test_it_prunes_the_namespaces_of_the_file(load: Any) -> None:
    put_chain()
    put("agents", {**AGENT, "id": "old"})
    put("providers", {**PROVIDER, "id": "spare"})
    run = load("agents: [{id: assistant, model_id: default, system_prompt: x}]", "--prune")
    assert "delete agents/old" in run.out
    assert "-  - id: old" in run.out
    assert Entry.objects.filter(key="old").exists()
    load("agents: [{id: assistant, model_id: default, system_prompt: x}]", "--prune", "--apply")
    left = {str(row) for row in Entry.objects.all()}
    assert left == {"agents/assistant", "models/default", "providers/openai", "providers/spare"}


def test_it_does_not_prune_what_is_in_use(load: Any) -> None:
    put_chain()
    with pytest.raises(CommandError, match=r"other records depend .* \(models/default\)"):
        load("providers: []", "--prune", "--apply")
    assert Entry.objects.count() == 3


def test_it_does_not_prune_what_the_code_says(load: Any) -> None:
    seed_builtin({"providers": [PROVIDER], "models": [MODEL]})
    assert load("providers:\nmodels:\n", "--prune", "--apply").out == "nothing changes\n"
    assert Entry.objects.visible().count() == 2


def test_it_records_changes_to_builtin_documents_as_overrides(load: Any) -> None:
    seed_builtin({"providers": [PROVIDER], "models": [MODEL], "agents": [AGENT]})
    load("providers: [{id: openai, adapter: openai, timeout_secs: 5}]", "--apply")
    assert get_entry("providers", "openai").overrides == {"timeout_secs": 5}


def test_it_writes_and_reads_files(tmp_path: Path) -> None:
    put("providers", PROVIDER)
    file = tmp_path / "out.yaml"
    assert export("--output", str(file), "--namespace", "providers") == ""
    assert file.read_text() == "providers:\n  - id: openai\n    adapter: openai\n"
    out = io.StringIO()
    call_command("importconfig", str(file), stdout=out)
    assert out.getvalue() == "nothing changes\n"


def test_it_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CHAIN))
    call_command("importconfig", "-", "--apply", stdout=io.StringIO())
    assert Entry.objects.count() == 3


def test_it_names_a_file_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("importconfig", str(tmp_path / "none.yaml"))
