"""The admin's pages of MCP servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from agentserver_mcp.admin.arguments import ArgumentsForm
from agentserver_mcp.client import store
from agentserver_mcp.client.inventory import Inventory, _named
from agentserver_mcp.models import ServerCatalog
from config import registry
from tests.faces.mcp_client_lab import ID, plain, put_server

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sesame-4711"
NAMES = ("echo", "broken", "picture")
LIST = "admin:mcp_servercatalog_changelist"
MESSAGE = {"type": "object", "properties": {"message": {"type": "string"}}}


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    registry.forget()
    yield
    registry.forget()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page() -> Client:
    return client_of(User.objects.create_superuser("olga", password="a-password-for-tests"))


@pytest.fixture
def known(tmp_path: Path) -> ServerCatalog:
    """The plain server, as discovery would have found it."""
    put_server(plain(tmp_path, env={"API_KEY": SECRET}, tools={"deny": ["picture"]}))
    published = registry.current()
    store.synchronise(published)
    mark = store.fingerprint(published, ID)
    listed = [{"name": name, "description": "Does it.", "inputSchema": MESSAGE} for name in NAMES]
    tools, problems = _named(listed, ID)
    restarts = store.begin(ID, mark)
    assert restarts is not None
    resources = [{"name": "One", "uri": "note://one"}]
    templates = [{"name": "Any", "uriTemplate": "note://{name}"}]
    found = Inventory(tools=tools, problems=problems, resources=resources, templates=templates)
    store.succeed(ID, mark, restarts=restarts, found=found, new_session=True)
    return ServerCatalog.objects.get(pk=ID)


def address(name: str, *arguments: str) -> str:
    return reverse(f"admin:mcp_servercatalog_{name}", args=[ID, *arguments])


def content(answer: Any) -> str:
    return str(answer.content.decode())


def test_it_says_what_will_stand_in_the_empty_list(page: Client) -> None:
    assert "once a worker has looked after them" in content(page.get(reverse(LIST)))


def test_it_lists_servers_with_their_state(page: Client, known: ServerCatalog) -> None:
    shown = content(page.get(reverse(LIST)))
    assert ">plain<" in shown
    assert "as-badge-ok" in shown
    assert SECRET not in shown


def test_it_shows_the_tools_of_a_server(page: Client, known: ServerCatalog) -> None:
    shown = content(page.get(address("change")))
    assert "mcp__plain__echo" in shown
    assert "not offered" in shown
    assert "note://one" in shown
    assert "note://{name}" in shown
    assert address("try", "mcp__plain__echo") in shown


def test_it_restarts_a_server(page: Client, known: ServerCatalog) -> None:
    answer = page.post(address("restart"), {"next": address("change")}, follow=True)
    assert "plain is being restarted." in content(answer)
    known.refresh_from_db()
    assert (known.state, known.restarts) == ("pending", 1)


def test_it_calls_a_tool_by_hand(page: Client, known: ServerCatalog) -> None:
    url = address("try", "mcp__plain__echo")
    assert 'name="argument-0"' in content(page.get(url))
    shown = content(page.post(url, {"argument-0": "<b>hi</b>"}))
    assert "echo: &lt;b&gt;hi&lt;/b&gt;" in shown
    assert "succeeded" in shown


def test_it_shows_what_a_failing_tool_says(page: Client, known: ServerCatalog) -> None:
    shown = content(page.post(address("try", "mcp__plain__broken"), {}))
    assert "the kettle is broken" in shown
    # It repeats its environment.
    assert SECRET not in shown


def test_it_shows_images(page: Client, known: ServerCatalog) -> None:
    shown = content(page.post(address("try", "mcp__plain__picture"), {}))
    assert "data:image/png;base64,iVBORw0KGgo=" in shown


def test_it_says_why_a_tool_cannot_be_tried(page: Client, known: ServerCatalog) -> None:
    put_server({"id": ID, "transport": "stdio", "command": "/no/such/command"})
    shown = content(page.post(address("try", "mcp__plain__echo"), {}))
    assert "command not found" in shown


def test_it_knows_no_other_tool(page: Client, known: ServerCatalog) -> None:
    assert page.get(address("try", "mcp__plain__other")).status_code == 404


def test_it_lets_those_who_may_only_look_do_nothing(known: ServerCatalog) -> None:
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_servercatalog"))
    page = client_of(viewer)
    shown = content(page.get(address("change")))
    assert "mcp__plain__echo" in shown
    assert "Try it" not in shown
    assert page.post(address("restart")).status_code == 403
    assert page.post(address("try", "mcp__plain__echo"), {}).status_code == 403


# --- the form ---------------------------------------------------------------------------------
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "size"],
    "properties": {
        "name": {"type": "string"},
        "size": {"$ref": "#/$defs/Size"},
        "many": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3},
        "loud": {"type": "boolean", "default": True},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {"Size": {"enum": ["small", "large"], "type": "string"}},
}


def form(**values: str) -> ArgumentsForm:
    numbers = {name: number for number, name in enumerate(SCHEMA["properties"])}
    return ArgumentsForm(
        SCHEMA, data={f"argument-{numbers[name]}": value for name, value in values.items()}
    )


def test_it_reads_typed_arguments() -> None:
    filled = form(name="x", size="large", many="4", loud="on", tags='["a"]')
    assert filled.is_valid(), filled.errors
    expected = {"name": "x", "size": "large", "many": 4, "loud": True, "tags": ["a"]}
    assert filled.arguments() == expected


def test_it_leaves_blank_arguments_out() -> None:
    filled = form(name="", size="small")
    assert filled.is_valid(), filled.errors
    assert filled.arguments() == {"name": "", "size": "small", "loud": False}


def test_it_checks_arguments_against_the_schema() -> None:
    filled = form(name="x", size="small", tags="[1]")
    assert not filled.is_valid()
    assert "tags" in str(filled.non_field_errors())


def test_it_takes_json_where_the_schema_names_nothing() -> None:
    filled = ArgumentsForm({"type": "object"}, data={"arguments": '{"a": 1}'})
    assert filled.is_valid()
    assert filled.arguments() == {"a": 1}


def test_it_asks_for_numbers_that_must_be_there() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "number"}, "b": {"type": "integer"}},
    }
    unfilled = ArgumentsForm(schema, data={})
    assert list(unfilled.errors) == ["argument-0"]
    assert unfilled["argument-0"].field.required


# --- schemas of strangers ---------------------------------------------------------------------
def single(member: Any, value: str, **schema: Any) -> ArgumentsForm:
    whole = {"type": "object", "properties": {"a": member}, **schema}
    return ArgumentsForm(whole, data={"argument-0": value})


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"anyOf": [True]}}},
        {"properties": {"a": {"anyOf": None}}},
        {"properties": {"a": {"anyOf": [True, {"type": "null"}]}}},
        {"properties": {"a": {}}, "required": 7},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": [1]},
        {"properties": {"a": {"type": ["null"]}}},
        {"properties": {"a": True}},
    ],
)
def test_it_makes_a_form_of_any_schema(schema: dict[str, Any]) -> None:
    assert "argument-0" in ArgumentsForm(schema, data={}).as_p()


def test_it_takes_a_text_where_null_may_stand_too() -> None:
    filled = single({"type": ["string", "null"]}, "plain words")
    assert filled.is_valid(), filled.errors
    assert filled.arguments() == {"a": "plain words"}


@pytest.mark.parametrize("member", [{}, {"type": ["string", "integer", "object", "boolean"]}])
@pytest.mark.parametrize(
    ("written", "value"), [('"words"', "words"), ("7", 7), ('{"b": 1}', {"b": 1}), ("false", False)]
)
def test_it_takes_any_json_where_no_type_is_named(
    member: dict[str, Any], written: str, value: Any
) -> None:
    filled = single(member, written)
    assert filled.is_valid(), filled.errors
    assert filled.arguments() == {"a": value}


def test_it_shows_a_default_without_a_type_as_it_has_to_be_written() -> None:
    shown = ArgumentsForm({"properties": {"a": {"default": "words"}}})
    assert shown["argument-0"].value() == '"words"'


def test_it_leads_to_tools_of_servers_whose_ids_look_escaped(page: Client, tmp_path: Path) -> None:
    put_server(plain(tmp_path, id="a_2Fb"))
    store.synchronise(registry.current())
    mark = store.fingerprint(registry.current(), "a_2Fb")
    restarts = store.begin("a_2Fb", mark)
    assert restarts is not None
    tools, _ = _named([{"name": "echo", "inputSchema": MESSAGE}], "a_2Fb")
    found = Inventory(tools=tools)
    store.succeed("a_2Fb", mark, restarts=restarts, found=found, new_session=True)
    shown = page.get(reverse("admin:mcp_servercatalog_change", args=[quote("a_2Fb")]))
    link = next(each["try_url"] for each in shown.context["tools"])
    assert page.get(link).status_code == 200
